"""One picture per expression of a scan."""
from __future__ import annotations
from collections.abc import Iterable, Iterator

import numpy as np
from mmengine.registry import FUNCTIONS
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmlangseg.visualization import safe_name
from .point_colors import restore_colors
from .scan_painter import ScanPainter


@FUNCTIONS.register_module()
def draw_scan(
    sample: BaseDataElement,
    points: Tensor | np.ndarray,
    transforms: Iterable | None = None,
    draw_pred: bool = True,
    draw_gt: bool = True,
) -> Iterator[tuple[str, np.ndarray]]:
    """Draw the expressions of a scan one after the other.

    :func:`mmlangseg.visualization.draw_expressions` finds it by its name.

    Args:
        sample: With ``expressions``, ``scene_id`` and the masks.
        points: (N, 3 or more) as they enter the model.
        transforms: Of the pipeline that made the points, see
            :func:`restore_colors`.
        draw_pred: Whether to draw predicted masks.
        draw_gt: Whether to draw true masks.

    Yields:
        tuple: The name of the expression and the picture, uint8 RGB.
    """
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


def expression_name(scene_id: str, expression: dict) -> str:
    """Name an expression ``<scene>_<objects>_<ann>``, fit for a file name.

    In ScanRefer ``ann_id`` starts anew for each object: only the three
    together are unique.
    """
    objects = '-'.join(str(i) for i in expression.get('object_ids') or ())
    parts = [scene_id, objects or 'none', expression.get('ann_id', 0)]
    return safe_name('_'.join(str(part) for part in parts))
