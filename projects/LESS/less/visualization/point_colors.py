"""Colors of points: undo the normalization, highlight an object."""
from __future__ import annotations
from collections.abc import Iterable

import numpy as np

from mmlangseg.visualization.colors import PRED_COLOR


def highlight(rgb: np.ndarray,
              mask: np.ndarray,
              color: tuple[int, int, int] = PRED_COLOR) -> np.ndarray:
    """Fade all points and paint those of the mask.

    The paint keeps some of each point's brightness, so that the shape of the
    object stays visible.

    Args:
        rgb: (N, 3), 0 to 255.
        mask: bool (N,).
        color: The paint.

    Returns:
        np.ndarray: uint8 (N, 3).
    """
    rgb = np.asarray(rgb, np.float32)
    gray = rgb @ np.float32([0.299, 0.587, 0.114])
    faded = 0.45 * rgb + 0.55 * gray[:, None]
    faded = 255 - 0.8 * (255 - faded)
    painted = np.float32(color) * (0.6 + 0.4 * gray[:, None] / 255)
    out = np.where(np.asarray(mask, bool)[:, None], painted, faded)
    return out.clip(0, 255).astype(np.uint8)


def restore_colors(rgb: np.ndarray,
                   transforms: Iterable | None = None) -> np.ndarray:
    """Undo the color normalization of a pipeline, for display.

    Args:
        rgb: (N, 3) as they leave the pipeline.
        transforms: The pipeline's transforms. The one that normalizes
            colors is inverted: ``NormalizeScanColor`` (``mean``, ``scale``)
            or MMDetection3D's ``NormalizePointsColor`` (``color_mean``).
            Without one, colors that do not look like 0 to 255 are stretched
            to it.

    Returns:
        np.ndarray: float32 (N, 3), 0 to 255.
    """
    rgb = np.asarray(rgb, np.float32)
    for transform in transforms or ():
        if hasattr(transform, 'color_mean'):
            mean, scale = transform.color_mean or 0, 255
        elif hasattr(transform, 'mean') and hasattr(transform, 'scale'):
            mean, scale = transform.mean, transform.scale
        else:
            continue
        return (rgb * np.float32(scale) + np.float32(mean)).clip(0, 255)
    if rgb.size and (rgb.min() < 0 or rgb.max() <= 2):
        low, high = rgb.min(), rgb.max()
        rgb = (rgb - low) * (255 / max(high - low, 1e-6))
    return rgb.clip(0, 255)
