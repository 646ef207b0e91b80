"""Crops of an image, which overlap, and the mean of what they show."""
from __future__ import annotations
from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

Window = tuple[slice, slice]


def windows_of(size: tuple[int, int], test_cfg: Mapping) -> list[Window]:
    """Rows and columns of the crops that mmseg's ``slide_inference`` takes.

    Args:
        size (tuple[int, int]): H, W of the image.
        test_cfg (Mapping): mmseg's; ``mode='whole'`` has a single crop.
    """
    if test_cfg['mode'] == 'whole':
        return [(slice(0, size[0]), slice(0, size[1]))]
    rows, columns = (_slices(length, crop, stride) for length, crop, stride in
                     zip(size, test_cfg['crop_size'], test_cfg['stride']))
    return [(y, x) for y in rows for x in columns]


def _slices(length: int, crop: int, stride: int) -> list[slice]:
    """Of one dimension; the last one ends with the image."""
    count = max(length - crop + stride - 1, 0) // stride + 1
    stops = [min(i * stride + crop, length) for i in range(count)]
    return [slice(max(stop - crop, 0), stop) for stop in stops]


def sum_windows(windows: Sequence[Window], size: tuple[int, int],
                maps: Iterable[Tensor]) -> Tensor:
    """Mean of maps (B, C, h, w) of the windows: (B, C, H, W)."""
    total = count = None
    for (rows, columns), part in zip(windows, maps):
        if len(windows) == 1:
            return part
        if total is None or count is None:
            total = part.new_zeros(*part.shape[:2], *size)
            count = part.new_zeros(size)
        total[..., rows, columns] += part
        count[rows, columns] += 1
    assert total is not None and count is not None  # there is a window
    return total / count
