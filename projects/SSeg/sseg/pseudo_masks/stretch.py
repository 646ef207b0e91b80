"""Images and label maps at other sizes."""
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


def stretch_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a map (h, w) to (H, W): every pixel gets the label of the cell
    that its centre lies in."""
    rows, columns = ((2 * np.arange(pixels) + 1) * cells // (2 * pixels)
                     for pixels, cells in zip(size, labels.shape))
    return labels[rows[:, None], columns]
