"""COCO's segmentations: polygons and run-length codes.

A segmentation is what ``instances.json`` holds for one object: a list of
polygons, each ``[x0, y0, x1, y1, ...]`` in pixels; or a run-length code
``dict(size=[H, W], counts=...)``, compressed (text) or not (list of int), of
the column-major pixels beginning with background; or a list of such codes.
"""
from __future__ import annotations
from typing import Any, Iterator

import numpy as np
from pycocotools import mask as mask_utils

OVERLAP_RULES = ('union', 'official')


def check_segmentation(segmentation: Any, height: int, width: int) -> None:
    """Check a segmentation, since pycocotools trusts its input.

    A polygon of fewer than three points encloses nothing and is passed over,
    but one part at least must be a polygon or a code.

    Raises:
        ValueError: It is empty or malformed, or does not fit the image.
    """
    if not any(True for _ in _parts(segmentation, height, width)):
        raise ValueError('there is no polygon of three points or more')


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
    for part in segmentation:
        if isinstance(part, dict):
            if list(part.get('size', ())) != [height, width]:
                raise ValueError(f'"size" is {part.get("size")}, but the '
                                 f'image is {[height, width]}')
            _runs(part.get('counts'), height * width)
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
    try:
        points = np.array(polygon, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        raise ValueError('a polygon is not a list of numbers') from None
    # NaN fails, and so do numbers that would take memory for ever
    limit = 2 * max(height, width)
    if not (np.abs(points) <= limit).all():
        raise ValueError('a polygon has NaN or lies far outside the image')


def _runs(counts: Any, pixels: int) -> list[int]:
    """Run lengths as integers; their sum is the number of pixels."""
    if isinstance(counts, (str, bytes)):
        runs = _decompress(
            counts.encode() if isinstance(counts, str) else counts)
    elif isinstance(counts, list) and all(type(n) is int for n in counts):
        runs = counts
    else:
        raise ValueError('"counts" is neither text nor a list of integers')
    if any(n < 0 for n in runs) or sum(runs) != pixels:
        raise ValueError(f'"counts" does not add up to the {pixels} pixels '
                         'of the image')
    return runs


def _decompress(text: bytes) -> list[int]:
    """COCO's compression: five bits per character, deltas to run i - 2.

    pycocotools offers no way to get at the runs, and reads on in foreign
    memory where the text is cut.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = character - 48
        if not 0 <= bits < 64:
            raise ValueError('"counts" has characters that do not occur in '
                             'compressed codes')
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:  # goes on
            continue
        if bits & 16:  # negative
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError('"counts" is cut off')
    return runs


def _decode_runs(counts: Any, height: int, width: int) -> np.ndarray:
    runs = _runs(counts, height * width)
    values = np.arange(len(runs), dtype=np.uint8) % 2
    return np.repeat(values, runs).reshape(width, height).T
