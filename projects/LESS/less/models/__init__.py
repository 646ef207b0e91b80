# Importing mmdet3d.models replaces how spconv modules load their weights and
# marks new checkpoints with version 2. It has to happen before the first
# model is built, or that model's checkpoint would later load permuted.
import mmdet3d.models  # noqa: F401  isort: skip

from .data_preprocessor import LESSDataPreprocessor
from .less import LESS
from .less_unet import LESSUNet
from .pwca import PWCA, PooledWordFusion
from .qmp import QMP
from .qsa import QSA, QueryScoreMLP

__all__ = [
    'LESS', 'LESSDataPreprocessor', 'LESSUNet', 'PWCA', 'PooledWordFusion',
    'QMP', 'QSA', 'QueryScoreMLP'
]
