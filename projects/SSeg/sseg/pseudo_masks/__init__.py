"""Pseudo-masks: clustered features of an image."""
from .cache import PseudoMaskCache, PseudoMaskCacheError
from .dino_features import DINOFeatures
from .generator import PseudoMaskGenerator
from .kmeans import KMeansResult, batched_kmeans
from .pixel_features import PixelFeatures

__all__ = [
    'DINOFeatures', 'KMeansResult', 'PixelFeatures', 'PseudoMaskCache',
    'PseudoMaskCacheError', 'PseudoMaskGenerator', 'batched_kmeans'
]
