"""Pictures of an image with the referred object."""
from __future__ import annotations

import cv2
import numpy as np

from .colors import GT_COLOR, PRED_COLOR
from .enlarge import display_scale, enlarge
from .header import add_header


def draw_overlay(image: np.ndarray,
                 text: str,
                 pred: np.ndarray | None = None,
                 gt: np.ndarray | None = None,
                 note: str = '',
                 iou: float | None = None,
                 warning: str = '') -> np.ndarray:
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
        iou: The IoU, 0 to 1, if not that of ``pred`` and ``gt`` as they are,
            for example because they were resized for the picture.
        warning: Put below all of it, in another color.

    Returns:
        np.ndarray: uint8 RGB image, the sentence above. Small images are
        enlarged.
    """
    out = _paint_enlarged(image, pred, gt)
    legend = []
    if pred is not None:
        legend.append(('predicted', PRED_COLOR))
    if gt is not None:
        legend.append(('ground truth', GT_COLOR))
    if pred is not None and gt is not None:
        iou = mask_iou(pred, gt) if iou is None else iou
        note = f'{note}  IoU {100 * iou:.1f} %'.strip()
    return add_header(out, text, note, legend, warning=warning)


def _paint_enlarged(image: np.ndarray, *masks:
                    np.ndarray | None) -> np.ndarray:
    """:func:`paint_masks` of an enlarged image, its outlines thin."""
    _check_shapes(image, *masks)
    scale = display_scale(image)
    return paint_masks(
        enlarge(image, scale),
        *(mask if mask is None else enlarge(np.asarray(mask), scale)
          for mask in masks))


def paint_masks(image: np.ndarray,
                pred: np.ndarray | None = None,
                gt: np.ndarray | None = None) -> np.ndarray:
    """Paint the masks over an image as :func:`draw_overlay` does.

    Returns:
        np.ndarray: uint8 RGB (H, W, 3).
    """
    _check_shapes(image, pred, gt)
    out = image.astype(np.float32)
    filled, color = (pred, PRED_COLOR) if pred is not None else (gt, GT_COLOR)
    if filled is not None:
        filled = np.asarray(filled, bool)
        gray = out.mean(-1, keepdims=True)
        faded = 255 - 0.75 * (255 - 0.5 * (out + gray))
        painted = 0.45 * out + 0.55 * np.float32(color)
        out = np.where(filled[..., None], painted, faded)
    out = np.ascontiguousarray(out.round().astype(np.uint8))
    for mask, color in ((pred, PRED_COLOR), (gt, GT_COLOR)):
        if mask is not None:
            outline_mask(out, mask, color)
    return out


def _check_shapes(image: np.ndarray, *masks: np.ndarray | None) -> None:
    for name, mask in zip(('pred', 'gt'), masks):
        if mask is not None and np.shape(mask) != image.shape[:2]:
            raise ValueError(f'{name} has the shape {np.shape(mask)}, the '
                             f'image {image.shape[:2]}')


def mask_iou(first: np.ndarray, second: np.ndarray) -> float:
    """IoU of two bool masks, 1 if both are empty."""
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.


def outline_mask(image: np.ndarray, mask: np.ndarray,
                 color: tuple[int, int, int]) -> None:
    """Draw the outline of a mask (H, W) into a uint8 image (H, W, 3)."""
    width = max(2, round(max(image.shape[:2]) / 300))
    contours, _ = cv2.findContours(
        np.asarray(mask, np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, contours, -1, color, width)
