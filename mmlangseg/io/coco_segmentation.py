"""COCO's segmentations: polygons and run-length codes.

A segmentation is what ``instances.json`` holds for one object: a list of
polygons, each ``[x0, y0, x1, y1, ...]`` in pixels; or a run-length code
``dict(size=[H, W], counts=...)``, compressed (text) or not (list of int), of
the column-major pixels beginning with background; or a list of such codes.
"""
from __future__ import annotations
from collections.abc import Iterator
from typing import Any

import numpy as np
from pycocotools import mask as mask_utils

from .coco_codes import MAX_PIXELS, decode_runs

OVERLAP_RULES = ('union', 'official')


def check_segmentation(segmentation: Any, height: int, width: int) -> None:
    """Check a segmentation, since pycocotools trusts its input.

    A polygon of fewer than three points encloses nothing and is passed over,
    but one part at least must be a polygon or a code, and cover a pixel.

    Raises:
        ValueError: It is empty or malformed, does not fit the image or covers
            none of its pixels.
    """
    areas = [
        _area(part, height, width)
        for part in _parts(segmentation, height, width)
    ]
    if not areas:
        raise ValueError('there is no polygon of three points or more')
    if not any(areas):
        raise ValueError('it covers no pixel of the image')


def decode_segmentation(segmentation: Any,
                        height: int,
                        width: int,
                        overlap: str = 'union') -> np.ndarray:
    """Draw the mask of one object.

    Args:
        segmentation: Polygons or run-length codes, see above.
        height: Of the image.
        width: Of the image.
        overlap: What pixels are that several parts of the object cover:
            ``'union'``, foreground; ``'official'``, background, as in the
            released LAVT and SemiRES (the parts are summed, and only 1
            counts).

    Returns:
        (H, W) uint8, 1 inside.

    Raises:
        ValueError: The segmentation is malformed.
    """
    count = np.zeros((height, width), np.uint16)
    for part in _parts(segmentation, height, width):
        if isinstance(part, dict):
            mask = _decode_runs(part['counts'], height, width)
        else:
            mask = mask_utils.decode(
                mask_utils.frPyObjects([part], height, width))[..., 0]
        count += mask
    if overlap == 'union':
        return (count > 0).astype(np.uint8)
    return (count == 1).astype(np.uint8)


def _parts(segmentation: Any, height: int, width: int) -> Iterator[Any]:
    """Checked polygons (lists of six numbers or more) and codes (dicts)."""
    if isinstance(segmentation, dict):
        segmentation = [segmentation]
    if not isinstance(segmentation, list):
        raise ValueError(f'it is {segmentation!r:.40}, neither polygons nor '
                         'a run-length code')
    if height * width > MAX_PIXELS:
        raise ValueError(f'the image is said to have {height} x {width} '
                         'pixels, more than any mask can have')
    for part in segmentation:
        if isinstance(part, dict):
            size = part.get('size')
            if not isinstance(size, list) or size != [height, width]:
                raise ValueError(f'"size" is {size!r:.40}, but the image is '
                                 f'{[height, width]}')
            run_lengths(part.get('counts'), height * width)
            yield part
        elif isinstance(part, list):
            _check_polygon(part, height, width)
            if len(part) >= 6:
                yield part
        else:
            raise ValueError(f'a part is {part!r:.40}, neither a polygon nor '
                             'a run-length code')


def _check_polygon(polygon: list, height: int, width: int) -> None:
    if len(polygon) % 2:
        raise ValueError(f'a polygon has {len(polygon)} numbers, not pairs')
    if not set(map(type, polygon)) <= {int, float}:
        raise ValueError('a polygon is not a list of numbers')
    # NaN fails, and so do numbers that would take memory for ever
    limit = 2 * max(height, width)
    try:
        points = np.array(polygon, np.float64).reshape(-1, 2)
        near = (np.abs(points) <= limit).all()
    except OverflowError:
        near = False
    if not near:
        raise ValueError('a polygon has NaN or lies far outside the image')
    length = np.abs(np.diff(points, axis=0)).sum()
    if length > 8 * (height + 2) * (width + 2):
        raise ValueError('a polygon is longer than the outline of all pixels')


def _area(part: Any, height: int, width: int) -> int:
    """Pixels of a checked part."""
    if isinstance(part, dict):
        return int(run_lengths(part['counts'], height * width)[1::2].sum())
    drawn, = mask_utils.frPyObjects([part], height, width)
    return int(mask_utils.area(drawn))


def run_lengths(counts: Any, pixels: int) -> np.ndarray:
    """Read the run lengths of a code.

    Args:
        counts: Compressed (str or bytes) or a list of int.
        pixels: Their sum.

    Returns:
        (R,) int64, beginning with background.

    Raises:
        ValueError: It is malformed, or does not add up.
    """
    if isinstance(counts, str):
        counts = counts.encode()
    if isinstance(counts, bytes):
        runs, _ = decode_runs([counts])
    elif isinstance(counts, list) and all(type(n) is int for n in counts):
        # compared before NumPy gets them, which has no larger ones
        runs = counts if all(0 <= n <= pixels for n in counts) else [-1]
        runs = np.array(runs, np.int64)
    else:
        raise ValueError('"counts" is neither text nor a list of integers')
    if (runs < 0).any() or (runs > pixels).any() or runs.sum() != pixels:
        raise ValueError(f'"counts" does not add up to the {pixels} pixels '
                         'of the image')
    return runs


def _decode_runs(counts: Any, height: int, width: int) -> np.ndarray:
    runs = run_lengths(counts, height * width)
    values = (np.arange(len(runs)) % 2).astype(np.uint8)
    return np.repeat(values, runs).reshape(width, height).T
