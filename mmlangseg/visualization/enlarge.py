"""Small pictures at a size at which one sees something."""
from __future__ import annotations

import numpy as np

MIN_WIDTH = 320  # pixels to which narrower pictures are enlarged
MAX_HEIGHT = 640  # that enlarging does not exceed


def display_scale(image: np.ndarray) -> int:
    """The whole factor at which an image (H, W, ...) is shown, at least 1."""
    height, width = image.shape[:2]
    return max(1, min(round(MIN_WIDTH / width), MAX_HEIGHT // height))


def enlarge(image: np.ndarray, scale: int) -> np.ndarray:
    """Repeat every pixel of an image or a mask (H, W, ...): whole pixels stay
    what they are."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)
