"""One picture per expression of a data sample, of a scan or an image."""
from __future__ import annotations
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from mmengine.registry import FUNCTIONS
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.utils.data import Dataset

from mmlangseg.io.nearest import resize_nearest
from .overlay import draw_overlay, mask_iou

MAX_NAME = 120  # characters; file systems allow 255 bytes


def draw_expressions(
    sample: BaseDataElement,
    inputs: Tensor | np.ndarray,
    transforms: Iterable | None = None,
    draw_pred: bool = True,
    draw_gt: bool = True,
) -> Iterator[tuple[str, np.ndarray]]:
    """Draw the expressions of a data sample one after the other.

    Args:
        sample: As :class:`mmlangseg.evaluation.ReferringSegMetric` describes
            it; the prediction may be missing.
        inputs: The points (N, 3 or more) as they enter the model, or the
            RGB image, uint8 (H, W, 3), over which masks of another size
            are stretched.
        transforms: Of the pipeline that made the points, to undo the color
            normalization. See ``restore_colors`` of LESS.
        draw_pred: Whether to draw predicted masks.
        draw_gt: Whether to draw true masks.

    Yields:
        tuple: A name to be used in file names, unique for each (scene,
        objects, annotation) or (image, ids), and the picture, uint8 RGB.
    """
    if 'expressions' in sample:
        draw = FUNCTIONS.get('draw_scan')  # that of the project for scans
        yield from draw(sample, inputs, transforms, draw_pred, draw_gt)
        return
    masks = dict()
    if draw_pred and 'pred_sem_seg' in sample:
        masks['pred'] = _image_mask(sample.pred_sem_seg.data)
    if draw_gt and 'gt_sem_seg' in sample:
        masks['gt'] = _image_mask(sample.gt_sem_seg.data)
    stem = os.path.splitext(os.path.basename(sample.get('img_path', '')))[0]
    ids = [sample.get(key) for key in ('ref_id', 'ann_id', 'sent_id')]
    parts = [stem, *(str(value) for value in ids if value is not None)]
    name = safe_name('_'.join(parts))
    iou = mask_iou(masks['pred'], masks['gt']) if len(masks) == 2 else None
    masks = {
        key: resize_nearest(mask, inputs.shape[:2])
        for key, mask in masks.items()
    }
    yield name, draw_overlay(inputs, sample.text, note=stem, iou=iou, **masks)


def transforms_of(dataset: Dataset) -> Sequence:
    """Transforms of a dataset's pipeline, also of a wrapped dataset."""
    while True:
        if hasattr(dataset, 'dataset'):
            dataset = dataset.dataset
        elif hasattr(dataset, 'datasets'):
            dataset = dataset.datasets[0]
        else:
            break
    return getattr(getattr(dataset, 'pipeline', None), 'transforms', ())


def _image_mask(data: Tensor) -> np.ndarray:
    """(1, H, W) labels to bool (H, W)."""
    return data.reshape(data.shape[-2:]).cpu().numpy() == 1


def safe_name(name: str) -> str:
    """Make a file name of a foreign string; different strings stay apart."""
    safe = re.sub(r'[^A-Za-z0-9_.-]', '-', name).lstrip('.')[:MAX_NAME]
    if safe != name or not safe:
        safe = f'{safe}-{zlib.crc32(name.encode()):08x}'
    return safe
