"""Pseudo-masks: clustered features of an image."""
from .cache import PseudoMaskCache, PseudoMaskCacheError
from .dino_features import DINOFeatures
from .generator import PseudoMaskGenerator, find_generator_config
from .kmeans import KMeansResult, batched_kmeans
from .pixel_features import PixelFeatures
from .stretch import stretch_image

__all__ = [
    'DINOFeatures', 'KMeansResult', 'PixelFeatures', 'PseudoMaskCache',
    'PseudoMaskCacheError', 'PseudoMaskGenerator', 'batched_kmeans',
    'find_generator_config', 'stretch_image'
]
