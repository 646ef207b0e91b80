"""One picture per expression of a data sample, of a scan or an image."""
from __future__ import annotations
import os
import re
import zlib
from typing import Iterable, Iterator, Optional, Sequence

import numpy as np
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.utils.data import Dataset

from mmlangseg.nearest import resize_nearest
from .colors import restore_colors
from .overlay import draw_overlay, mask_iou
from .scan_painter import ScanPainter

MAX_NAME = 120  # characters; file systems allow 255 bytes


def draw_expressions(
    sample: BaseDataElement,
    inputs: Tensor | np.ndarray,
    transforms: Optional[Iterable] = None,
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
        transforms: Of the pipeline that made the points, to undo the colour
            normalisation. See :func:`restore_colors`.
        draw_pred: Whether to draw predicted masks.
        draw_gt: Whether to draw true masks.

    Yields:
        tuple: A name to be used in file names, unique for each (scene,
        objects, annotation) or (image, ids), and the picture, uint8 RGB.
    """
    if 'expressions' in sample:
        yield from _draw_scan(sample, inputs, transforms, draw_pred, draw_gt)
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


def _draw_scan(sample, points, transforms, draw_pred, draw_gt):
    points = np.asarray(points)
    xyz = points[:, :3]
    if points.shape[1] >= 6:
        rgb = restore_colors(points[:, 3:6], transforms)
    else:
        rgb = np.full_like(xyz, 160)
    pred = sample.get('pred_instances_3d') if draw_pred else None
    gt = sample.get('gt_instances_3d') if draw_gt else None
    painter = ScanPainter(xyz, rgb)
    for i, expression in enumerate(sample.expressions):
        masks = dict()
        note = [str(sample.scene_id)]
        if expression.get('object_name'):
            note.append(expression['object_name'])
        if pred is not None:
            masks['pred'] = pred.masks[i].cpu().numpy()
            if 'scores' in pred:
                note.append(f'score {float(pred.scores[i]):.2f}')
        if gt is not None:
            masks['gt'] = gt.masks[i].cpu().numpy()
        name = expression_name(sample.scene_id, expression)
        yield name, painter.draw(
            expression['text'], note=',  '.join(note), **masks)


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


def expression_name(scene_id: str, expression: dict) -> str:
    """Name an expression ``<scene>_<objects>_<ann>``, fit for a file name.

    In ScanRefer ``ann_id`` starts anew for each object: only the three
    together are unique.
    """
    objects = '-'.join(str(i) for i in expression.get('object_ids') or ())
    parts = [scene_id, objects or 'none', expression.get('ann_id', 0)]
    return safe_name('_'.join(str(part) for part in parts))


def safe_name(name: str) -> str:
    """Make a file name of a foreign string; different strings stay apart."""
    safe = re.sub(r'[^A-Za-z0-9_.-]', '-', name).lstrip('.')[:MAX_NAME]
    if safe != name or not safe:
        safe = f'{safe}-{zlib.crc32(name.encode()):08x}'
    return safe
