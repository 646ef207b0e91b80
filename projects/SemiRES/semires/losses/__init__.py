from .confidence_filter import ConfidenceFilter
from .pseudo_label_loss import PseudoLabelLoss
from .pwa import PWA
from .referring_cross_entropy import ReferringCrossEntropy

__all__ = [
    'ConfidenceFilter', 'PWA', 'PseudoLabelLoss', 'ReferringCrossEntropy'
]
