"""Colors of scans, in the range that the models expect."""
from __future__ import annotations
import os

import numpy as np

GRAY = 127.5  # of points without colors


def scale_colors(name: str | os.PathLike, colors: np.ndarray) -> np.ndarray:
    """Bring colors to 0..255.

    Args:
        name: Of the scan, for messages.
        colors: (N, 3); integers from 0 to 255, or floating-point numbers
            from 0 to 255 or from 0 to 1.

    Returns:
        np.ndarray: (N, 3), from 0 to 255.

    Raises:
        ValueError: A color is outside of that, or not a number.
    """
    low, high = colors.min(), colors.max()
    if not (low >= 0 and high <= 255):  # NaN fails, too
        raise ValueError(f'{name}: colors go from {low:g} to {high:g}; they '
                         'must be in 0..255 or 0..1; convert them to 0..255')
    if np.issubdtype(colors.dtype, np.floating) and 0 < high <= 1:
        return colors * colors.dtype.type(255)
    return colors


def gray_colors(count: int) -> np.ndarray:
    """Colors of points that have none, (count, 3)."""
    return np.full((count, 3), GRAY)
