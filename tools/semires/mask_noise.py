"""True masks with the faults of a teacher's."""
from __future__ import annotations
from collections.abc import Callable

import cv2
import numpy as np


def erode(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lose a rim of 3 to 10 % of the side of an equal square."""
    return cv2.erode(mask.view(np.uint8), _disc(mask, rng)).view(bool)


def dilate(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gain such a rim."""
    return cv2.dilate(mask.view(np.uint8), _disc(mask, rng)).view(bool)


def shift(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move by 10 to 30 % of that side in any direction."""
    distance, angle = rng.uniform(0.1, 0.3) * _side(mask), _angle(rng)
    step = np.rint(distance * np.array([np.sin(angle), np.cos(angle)]))
    rows, columns = (np.arange(length) - int(by)
                     for length, by in zip(mask.shape, step))
    inside = [(at >= 0) & (at < length)
              for at, length in zip((rows, columns), mask.shape)]
    moved = mask[rows.clip(0, mask.shape[0] - 1)[:, None],
                 columns.clip(0, mask.shape[1] - 1)]
    return moved & inside[0][:, None] & inside[1]


def cut(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lose 20 to 50 % of the pixels behind a straight line."""
    angle = _angle(rng)
    rows, columns = np.indices(mask.shape)
    along = np.sin(angle) * rows + np.cos(angle) * columns
    return mask & (along >= np.quantile(along[mask], rng.uniform(0.2, 0.5)))


NOISE: dict[str, Callable] = dict(
    eroded=erode, dilated=dilate, shifted=shift, cut=cut)


def _side(mask: np.ndarray) -> float:
    return float(np.sqrt(np.count_nonzero(mask)))


def _angle(rng: np.random.Generator) -> float:
    return rng.uniform(0, 2 * np.pi)


def _disc(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    radius = max(1, round(rng.uniform(0.03, 0.1) * _side(mask)))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, [2 * radius + 1] * 2)
