"""Work on one sample."""
from .load_pair_image import LoadPairImage
from .load_wide_annotations import LoadWideAnnotations
from .random_resized_crop import RandomResizedCrop

__all__ = ['LoadPairImage', 'LoadWideAnnotations', 'RandomResizedCrop']
