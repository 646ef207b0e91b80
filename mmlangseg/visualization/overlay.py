"""Pictures of an image with the referred object."""
from __future__ import annotations
from typing import Optional

import cv2
import numpy as np

from .colors import GT_COLOR, PRED_COLOR
from .header import add_header


def draw_overlay(image: np.ndarray,
                 text: str,
                 pred: Optional[np.ndarray] = None,
                 gt: Optional[np.ndarray] = None,
                 note: str = '') -> np.ndarray:
    """Draw the mask of one sentence over an image.

    The predicted mask is filled and outlined, the true one outlined (filled
    where there is no prediction); the rest of the image is faded.

    Args:
        image: uint8 RGB (H, W, 3).
        text: The sentence.
        pred: Predicted mask, bool (H, W).
        gt: True mask, bool (H, W).
        note: Put below the sentence. The IoU is added where both masks are
            given.

    Returns:
        np.ndarray: uint8 RGB image, the sentence above.
    """
    for name, mask in (('pred', pred), ('gt', gt)):
        if mask is not None and np.shape(mask) != image.shape[:2]:
            raise ValueError(f'{name} has the shape {np.shape(mask)}, the '
                             f'image {image.shape[:2]}')
    legend = []
    out = image.astype(np.float32)
    filled, color = (pred, PRED_COLOR) if pred is not None else (gt, GT_COLOR)
    if filled is not None:
        filled = np.asarray(filled, bool)
        grey = out.mean(-1, keepdims=True)
        faded = 255 - 0.75 * (255 - 0.5 * (out + grey))
        painted = 0.45 * out + 0.55 * np.float32(color)
        out = np.where(filled[..., None], painted, faded)
    out = np.ascontiguousarray(out.round().astype(np.uint8))
    width = max(2, round(max(image.shape[:2]) / 300))
    if pred is not None:
        _outline(out, pred, PRED_COLOR, width)
        legend.append(('predicted', PRED_COLOR))
    if gt is not None:
        _outline(out, gt, GT_COLOR, width)
        legend.append(('ground truth', GT_COLOR))
    if pred is not None and gt is not None:
        pred, gt = np.asarray(pred, bool), np.asarray(gt, bool)
        union = (pred | gt).sum()
        iou = (pred & gt).sum() / union if union else 1.
        note = f'{note}  IoU {100 * iou:.1f} %'.strip()
    return add_header(out, text, note, legend)


def _outline(image: np.ndarray, mask: np.ndarray, color: tuple,
             width: int) -> None:
    contours, _ = cv2.findContours(
        np.asarray(mask, np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, contours, -1, color, width)
