"""Pictures of mask candidates."""
from __future__ import annotations

import cv2
import numpy as np

from .candidates import Candidates


def draw_candidates(image: np.ndarray, candidates: Candidates) -> np.ndarray:
    """Paint all candidates over an image, the large ones first.

    Args:
        image: uint8 RGB (H, W, 3) of the size of the candidates.
        candidates: The masks.

    Returns:
        np.ndarray: uint8 RGB (H, W, 3).
    """
    if image.shape[:2] != candidates.size:
        raise ValueError(f'the image has the size {image.shape[:2]}, the '
                         f'candidates {candidates.size}')
    out = image.copy()
    order = np.argsort(-candidates.areas, kind='stable')
    # neighboring hues are far apart in the order of painting
    hues = np.arange(len(order)) * 111 % 180
    hsv = np.stack([hues, hues * 0 + 200, hues * 0 + 255], -1)
    colors = cv2.cvtColor(hsv.astype(np.uint8)[None], cv2.COLOR_HSV2RGB)[0]
    for index, color in zip(order, colors.tolist()):
        mask = candidates.mask(index)
        out[mask] = (0.6 * out[mask] + 0.4 * np.float32(color)).astype(
            np.uint8)
        edges, _ = cv2.findContours(
            np.ascontiguousarray(mask, np.uint8), cv2.RETR_CCOMP,
            cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, edges, -1, color, 1)
    return out
