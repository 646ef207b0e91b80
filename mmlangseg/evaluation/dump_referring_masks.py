"""Writing the masks of a test for ``tools/evaluate_predictions.py``."""
from __future__ import annotations
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from pycocotools import mask as mask_utils
from torch import Tensor

from mmlangseg.io.files import PathLike, atomic_path


@METRICS.register_module()
class DumpReferringMasks(BaseMetric):
    """Write the predicted mask of every expression, one in each line.

    The file is one that :func:`read_predictions` reads: ids and ``rle``, the
    run-length code of COCO, of images H x W, of scans N x 1. A model with a
    head for missing targets also says ``no_target``. Data samples are those
    of :class:`ReferringSegMetric`. There are no scores.

    Args:
        out_file: File to write, JSON lines.
        collect_device: See :class:`mmengine.evaluator.BaseMetric`.
        collect_dir: See :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = ''  # without one MMEngine warns, though nothing is scored

    def __init__(self,
                 out_file: PathLike,
                 collect_device: str = 'cpu',
                 collect_dir: str | None = None) -> None:
        super().__init__(collect_device, collect_dir=collect_dir)
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the lines of the data samples.

        Raises:
            ValueError: The mask of an image has not its original size, or a
                sample has no id.
        """
        for sample in data_samples:
            rows = _scan_rows(sample) if 'pred_instances_3d' in sample else \
                [_image_row(sample)]
            self.results.append([json.dumps(row) for row in rows])

    def compute_metrics(self, results: list) -> dict:
        """Write the file.

        Args:
            results: One list of lines per data sample.

        Returns:
            dict: Nothing.
        """
        with atomic_path(self.out_file) as path:
            with open(path, 'w', encoding='utf-8') as file:
                file.writelines(f'{line}\n' for rows in results
                                for line in rows)
        return {}


def _scan_rows(sample: dict) -> Iterable[dict]:
    masks = sample['pred_instances_3d']['masks']  # (E, N)
    for expression, mask in zip(sample['expressions'], masks):
        row = dict(
            scene_id=sample['scene_id'],
            ann_id=_required(expression, 'ann_id', 'the expressions'))
        named = expression.get('named_ids', ())
        if len(named) == 1:  # an ann_id may occur once per object
            row['object_id'] = named[0]
        yield dict(row, rle=_encode(mask[:, None]))


def _image_row(sample: dict) -> dict:
    row = {
        name: _required(sample, name, 'meta_keys of PackSegInputs')
        for name in ('ref_id', 'sent_id')
    }
    shown = sample['pred_sem_seg']
    if 'says_none' in sample:
        row['no_target'] = bool(sample['says_none'])
        shown = sample['any_sem_seg']  # whatever is said
    mask, = shown['data']
    original = tuple(_required(sample, 'ori_shape', 'meta_keys')[:2])
    if tuple(mask.shape) != original:
        raise ValueError(
            f'{sample.get("img_path")}: the mask has {tuple(mask.shape)} '
            f'pixels (height, width), the image {original}, at which '
            "predictions are evaluated: set the segmentor's "
            "eval_size='original' and put LoadReferringMask behind Resize in "
            'the test pipeline')
    return dict(row, rle=_encode(mask == 1))


def _required(ids: dict, name: str, where: str) -> Any:
    if name not in ids:
        raise ValueError(f'a prediction is told by {name!r}, which a data '
                         f'sample does not have: add it to {where}')
    return ids[name]


def _encode(mask: Tensor) -> dict:
    code = mask_utils.encode(
        np.asfortranarray(mask.bool().cpu().numpy(), np.uint8))
    return dict(size=code['size'], counts=code['counts'].decode())
