"""The network of S-Seg and its parts."""
from .clip_text_transformer import CLIPTextTransformer
from .open_vocabulary import OpenVocabularySegmentor
from .prediction import combine, combine_resized
from .projection import ProjectionMLP
from .pseudo_mask_classifier import PseudoMaskClassifier
from .sseg import SSeg
from .sseg_head import MaskPredictions, SSegHead
from .tta import ProbabilityTTAModel

__all__ = [
    'CLIPTextTransformer',
    'MaskPredictions',
    'OpenVocabularySegmentor',
    'ProbabilityTTAModel',
    'ProjectionMLP',
    'PseudoMaskClassifier',
    'SSeg',
    'SSegHead',
    'combine',
    'combine_resized',
]
