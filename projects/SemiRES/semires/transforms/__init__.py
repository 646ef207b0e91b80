"""Per-sample work on images with referring expressions."""
from mmlangseg.io.load_image import LoadImage
from .color_jitter import jitter_float, jitter_uint8
from .load_mask_candidates import LoadMaskCandidates
from .load_referring_mask import LoadReferringMask
from .random_color_jitter import RandomColorJitter
from .random_gaussian_blur import RandomGaussianBlur
from .random_referring_flip import RandomReferringFlip, swap_left_right

__all__ = [
    'LoadImage', 'LoadMaskCandidates', 'LoadReferringMask',
    'RandomColorJitter', 'RandomGaussianBlur', 'RandomReferringFlip',
    'jitter_float', 'jitter_uint8', 'swap_left_right'
]
