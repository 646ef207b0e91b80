"""The losses of S-Seg."""
from .contrastive_loss import ImageTextContrastiveLoss
from .mask_matcher import MaskMatcher, MaskMatches
from .multi_label_loss import MultiLabelContrastiveLoss
from .pseudo_mask_loss import PseudoMaskLoss

__all__ = [
    'ImageTextContrastiveLoss', 'MaskMatcher', 'MaskMatches',
    'MultiLabelContrastiveLoss', 'PseudoMaskLoss'
]
