"""Run-length coded masks: what pycocotools does not offer."""
from __future__ import annotations
from collections.abc import Callable, Sequence

import numpy as np
from pycocotools import mask as mask_utils

from mmlangseg.io.nearest import nearest_index


def encode(mask: np.ndarray) -> dict:
    """Code a mask (H, W), anything but zero is foreground."""
    return mask_utils.encode(np.asfortranarray(mask, bool).view(np.uint8))


def encode_start_length(counts: Sequence[int], size: Sequence[int]) -> dict:
    """Convert the run-length list of the released SemiRES files.

    Args:
        counts: ``[start, length, start, length, ...]`` of the foreground runs
            in column-major order, starts count from 1.
        size: ``[H, W]``.

    Returns:
        dict: COCO-compressed RLE.

    Raises:
        ValueError: The runs do not fit ``size`` or are not in order.
    """
    height, width = size
    if not all(type(side) is int and 0 < side < 65536 for side in size):
        raise ValueError(f'"size" is {size!r:.40}, not [height, width]')
    values = np.asarray(counts)
    if values.size == 0:
        values = np.zeros(0, np.int64)
    if (values.ndim != 1 or len(values) % 2
            or not np.issubdtype(values.dtype, np.integer)):
        raise ValueError('"counts" is not a list of start, length pairs')
    starts, lengths = values[::2].astype(np.int64) - 1, values[1::2]
    ends = starts + lengths
    if (lengths < 1).any() or (starts < np.r_[0,
                                              ends[:-1]][:len(starts)]).any():
        raise ValueError('the runs in "counts" are empty or out of order')
    if len(ends) and ends[-1] > height * width:
        raise ValueError(f'a run in "counts" ends at pixel {ends[-1]}, "size" '
                         f'{list(size)} has {height * width}')
    # Two runs that touch are one.
    first = np.r_[True, starts[1:] > ends[:-1]][:len(starts)]
    edges = np.stack([starts[first], ends[np.r_[first[1:], True][:len(ends)]]],
                     1)
    runs = np.diff(np.r_[0, edges.ravel(), height * width])
    if runs[-1] == 0:
        runs = runs[:-1]
    return mask_utils.frPyObjects(
        dict(size=[height, width], counts=runs.tolist()), height, width)


def corner_index(target: int, source: int) -> np.ndarray:
    """Which of ``source`` pixels the released code's resize reads.

    PyTorch's rule for ``mode='nearest'``: ``floor(i * (source / target))`` in
    float32. See :func:`mmlangseg.io.nearest.nearest_index` for the rule by
    which true masks are resized, there and here.

    Returns:
        np.ndarray: int64 (target,).
    """
    scale = np.float32(source) / np.float32(target)
    index = np.floor(np.arange(target, dtype=np.float32) * scale)
    return np.minimum(index.astype(np.int64), source - 1)


# Which pixel a nearest resize reads: that in the middle of the new one, as for
# true masks, or that in its corner, as the released code does with candidates.
RESIZE_RULES: dict[str, Callable[[int, int], np.ndarray]] = dict(
    center=nearest_index, corner=corner_index)


def resize(rle: dict, size: Sequence[int], rule: str = 'center') -> dict:
    """Resize one coded mask to ``[H, W]`` by one of ``RESIZE_RULES``."""
    index = RESIZE_RULES[rule]
    rows, columns = (index(int(new), int(old))
                     for new, old in zip(size, rle['size']))
    return encode(mask_utils.decode(rle)[np.ix_(rows, columns)])
