"""Work on one sample."""
from mmlangseg.io.load_image import LoadImage
from .caption_words import CaptionWords
from .load_pair_image import LoadPairImage
from .load_pseudo_masks import LoadPseudoMasks
from .load_wide_annotations import LoadWideAnnotations
from .random_resized_crop import RandomResizedCrop
from .wide_resize import WideResize

__all__ = [
    'CaptionWords', 'LoadImage', 'LoadPairImage', 'LoadPseudoMasks',
    'LoadWideAnnotations', 'RandomResizedCrop', 'WideResize'
]
