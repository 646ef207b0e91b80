"""Mask candidates of toy pictures, imperfect in the ways SAM's are.

SAM finds most objects precisely, but also parts of them, several at once,
objects with a rim of what surrounds them, and regions of the background; it
finds some things twice and others not at all.
"""
from __future__ import annotations
from collections.abc import Iterator

import numpy as np
from scipy.ndimage import binary_dilation, label

from .clutter import Scene, iter_scenes

MISSING = 0.13  # objects without a mask of their own
DUPLICATE = 0.15  # objects with two
HALO = 0.12  # objects that also come with their surroundings
HALF = 0.2  # objects that also come as one half
MARK = 0.5  # objects of which one mark of the texture comes too
MERGED = 0.4  # touching pairs that also come as one
GROUND = 0.9  # pictures with the whole background
REGION = 0.3  # pictures with a big region of background
WHOLE = 0.03  # pictures with a mask of everything
LEAST_AREA = 12  # pixels
JITTER_CELL = 5  # pixels of an edge that are displaced together


def make_candidates(scene: Scene,
                    rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the candidates of a picture.

    Args:
        scene: The picture.
        rng: Source of the imperfections.

    Returns:
        (C, size, size) bool masks, at least one, the best scores first, and
        (C,) float32 scores in [0.88, 1], SAM's predicted IoU.
    """
    found: list[np.ndarray] = []
    for index, mask in enumerate(scene.masks):
        if rng.random() >= MISSING:
            found.append(_jitter(mask, rng))
            if rng.random() < DUPLICATE:
                found.append(_jitter(mask, rng))
        if rng.random() < HALO:
            rim = int(rng.integers(2, 5))
            found.append(_jitter(binary_dilation(mask, iterations=rim), rng))
        if rng.random() < HALF:
            found.append(_jitter(_half(mask, rng), rng))
        if rng.random() < MARK:
            found.append(_mark(scene, index, rng))
    found += [
        _jitter(scene.masks[i] | scene.masks[j], rng)
        for i, j in touching_pairs(scene) if rng.random() < MERGED
    ]
    found += _grounds(scene, rng)
    found = [mask for mask in found if mask.sum() >= LEAST_AREA]
    if not found:
        found = [scene.owner < 0]
    masks = np.stack(found)
    scores = rng.uniform(0.88, 1, len(masks)).astype(np.float32)
    order = np.argsort(-scores, kind='stable')
    return masks[order], scores[order]


def iter_candidates(num_train: int, num_val: int, size: int,
                    seed: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Draw the candidates of the toy set with these numbers and this seed.

    Yields:
        Image id, masks and scores, see :func:`make_candidates`.
    """
    for image_id, _, scene, rng in iter_scenes(
            num_train, num_val, size, seed, purpose=1):
        yield (image_id, *make_candidates(scene, rng))


def touching_pairs(scene: Scene) -> list[tuple[int, int]]:
    """Pairs of objects, i < j, of which visible pixels are neighbors."""
    pairs = set()
    owner = scene.owner
    for a, b in ((owner[1:], owner[:-1]), (owner[:, 1:], owner[:, :-1])):
        meet = (a != b) & (a >= 0) & (b >= 0)
        pairs |= set(
            zip(
                np.minimum(a, b)[meet].tolist(),
                np.maximum(a, b)[meet].tolist()))
    return sorted(pairs)


def _jitter(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Displace the edge by up to a pixel, piece by piece."""
    size = len(mask)
    cells = size // JITTER_CELL + 2
    shift = rng.choice((-1, 0, 1), (2, cells, cells), p=(0.15, 0.7, 0.15))
    shift = shift.repeat(JITTER_CELL, axis=1).repeat(JITTER_CELL, axis=2)
    top, left = rng.integers(0, JITTER_CELL, 2)
    dy, dx = shift[:, top:top + size, left:left + size]
    rows, columns = np.arange(size)[:, None], np.arange(size)
    return mask[np.clip(rows + dy, 0, size - 1),
                np.clip(columns + dx, 0, size - 1)]


def _half(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One side of a line near the centroid."""
    rows, columns = np.nonzero(mask)
    way = rng.uniform(0, 2 * np.pi)
    along = columns * np.cos(way) + rows * np.sin(way)
    part = np.zeros_like(mask)
    keep = along < np.quantile(along, rng.uniform(0.4, 0.65))
    part[rows[keep], columns[keep]] = True
    return part


def _mark(scene: Scene, index: int, rng: np.random.Generator) -> np.ndarray:
    """One connected mark of the texture, such as a stripe."""
    grid = np.arange(scene.size) + 0.5
    pattern = scene.objects[index].pattern(*np.meshgrid(grid, grid))
    marks, count = label(scene.masks[index] & (pattern > 0))
    if count == 0:  # nothing to be seen on it
        return np.zeros_like(scene.masks[index])
    sizes = np.bincount(marks.ravel())[1:]
    large = np.flatnonzero(sizes >= max(LEAST_AREA, sizes.max() / 2)) + 1
    return marks == (rng.choice(large) if len(large) else 0)


def _grounds(scene: Scene, rng: np.random.Generator) -> list[np.ndarray]:
    """Background: all of it, a piece of it, and maybe the whole picture."""
    ground = scene.owner < 0
    grounds = []
    if rng.random() < GROUND:
        grounds.append(_jitter(ground, rng))
    if rng.random() < REGION:
        grounds.append(_jitter(_half(ground, rng), rng))
    if rng.random() < WHOLE:
        grounds.append(np.ones_like(ground))
    return grounds
