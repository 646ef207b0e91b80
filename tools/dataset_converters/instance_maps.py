"""From masks of instances to a label map."""
from __future__ import annotations
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mmlangseg.io.coco_segmentation import decode_segmentation

MAX_PIXELS = 2**28


class Instance(NamedTuple):
    """One object of an image.

    Attributes:
        label: Its id in the label map.
        segmentation: COCO's polygons or run-length code.
        crowd: Whether the mask covers a group, drawn below all others.
    """
    label: int
    segmentation: list | dict
    crowd: bool = False


def take(row: Any, name: str) -> Any:
    """A field of an image or an annotation.

    Raises:
        ValueError: It is missing; says which.
    """
    if not isinstance(row, dict) or name not in row:
        raise ValueError(f'"{name}" is missing in {row!r:.80}')
    return row[name]


def take_list(content: Any, name: str) -> list:
    """A list of an annotation file.

    Raises:
        ValueError: It is missing, or something else.
    """
    rows = take(content, name)
    if not isinstance(rows, list):
        raise ValueError(f'"{name}" is {rows!r:.80}, not a list')
    return rows


def draw_instances(instances: Sequence[Instance], height: int,
                   width: int) -> np.ndarray:
    """Draw objects into a label map, smaller ones over larger ones.

    Of equally large ones the later is drawn over the earlier.

    Returns:
        (H, W) int32, 0 where no object is.

    Raises:
        ValueError: The size is none, or a segmentation is malformed; says
            which.
    """
    if not (type(height) is type(width) is int and 0 < height and 0 < width
            and height * width <= MAX_PIXELS):
        raise ValueError(f'height {height!r} and width {width!r} are not the '
                         'size of an image')
    masks = []
    for index, instance in enumerate(instances):
        try:
            mask = decode_segmentation(instance.segmentation, height, width)
        except ValueError as error:
            raise ValueError(
                f'"segmentation" of object {index}: {error}') from None
        masks.append((instance, np.flatnonzero(mask)))
    masks.sort(key=lambda item: (not item[0].crowd, -len(item[1])))
    labels = np.zeros(height * width, np.int32)
    for instance, pixels in masks:
        labels[pixels] = instance.label
    return labels.reshape(height, width)
