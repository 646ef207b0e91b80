"""Images at the size of the generator."""
from __future__ import annotations

import cv2
import numpy as np


def stretch_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize uint8 (H, W, 3) to (h, w, 3), without aliasing."""
    smaller = image.shape[0] > size[0] and image.shape[1] > size[1]
    return cv2.resize(
        image,
        size[::-1],
        interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
