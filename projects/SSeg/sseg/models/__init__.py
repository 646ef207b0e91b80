"""The network of S-Seg and its parts."""
from .clip_pseudo_masks import CLIPPseudoMasks
from .clip_text_transformer import CLIPTextTransformer
from .combination import combine, combine_resized
from .groupvit import GroupViT
from .mask_matcher import MaskMatcher, MaskMatches
from .open_vocabulary import OpenVocabularySegmentor
from .projection import ProjectionMLP
from .prompted_classes import PromptedClasses
from .pseudo_mask_classifier import PseudoMaskClassifier
from .sseg import SSeg
from .sseg_head import MaskPredictions, SSegHead
from .templates import get_templates
from .tta import ProbabilityTTAModel
from .vocabulary import Vocabulary

__all__ = [
    'CLIPPseudoMasks', 'CLIPTextTransformer', 'GroupViT', 'MaskMatcher',
    'MaskMatches', 'MaskPredictions', 'OpenVocabularySegmentor',
    'ProbabilityTTAModel', 'ProjectionMLP', 'PromptedClasses',
    'PseudoMaskClassifier', 'SSeg', 'SSegHead', 'Vocabulary', 'combine',
    'combine_resized', 'get_templates'
]
