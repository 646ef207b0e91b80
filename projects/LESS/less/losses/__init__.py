from .area_regularization import AreaRegularization
from .point_contrast import PointContrast
from .weighted_bce import WeightedBCE

__all__ = ['AreaRegularization', 'PointContrast', 'WeightedBCE']
