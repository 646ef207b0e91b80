"""The network of S-Seg and its parts."""
from .mask_matcher import MaskMatcher, MaskMatches
from .sseg_head import MaskPredictions, SSegHead

__all__ = ['MaskMatcher', 'MaskMatches', 'MaskPredictions', 'SSegHead']
