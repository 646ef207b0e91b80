"""The network of S-Seg and its parts."""
from .clip_pseudo_masks import CLIPPseudoMasks
from .clip_text_transformer import CLIPTextTransformer
from .groupvit import GroupViT
from .open_vocabulary import OpenVocabularySegmentor
from .prediction import combine, combine_resized
from .projection import ProjectionMLP
from .prompted_classes import PromptedClasses
from .pseudo_mask_classifier import PseudoMaskClassifier
from .sseg import SSeg
from .sseg_head import MaskPredictions, SSegHead
from .tta import ProbabilityTTAModel

__all__ = [
    'CLIPPseudoMasks', 'CLIPTextTransformer', 'GroupViT', 'MaskPredictions',
    'OpenVocabularySegmentor', 'ProbabilityTTAModel', 'ProjectionMLP',
    'PromptedClasses', 'PseudoMaskClassifier', 'SSeg', 'SSegHead', 'combine',
    'combine_resized'
]
