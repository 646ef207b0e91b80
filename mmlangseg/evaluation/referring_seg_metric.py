"""The metric of referring segmentation, for point clouds and for images."""
from __future__ import annotations
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS
from torch import Tensor

from mmlangseg.io.files import write_json
from .referring_sums import referring_iou
from .summary import format_table, summarize

# What identifies an expression in the records; a data set has some of them.
ID_KEYS = ('scene_id', 'object_ids', 'ann_id', 'img_path', 'ref_id', 'sent_id',
           'text', 'groups')
# What size the masks of images are compared at: name and key of the metainfo.
MASK_SIZES = dict(original='ori_shape', resized='img_shape')


@METRICS.register_module()
class ReferringSegMetric(BaseMetric):
    """IoU of the mask that each expression refers to, in percent.

    Per expression, IoU = I / U over all points or pixels. Reported are
    ``mIoU`` (mean over expressions), ``Acc@t`` (share of expressions whose
    IoU exceeds ``t``) and ``oIoU`` (sum of I over sum of U), first over all
    expressions, then over each group that occurs in the data, with the
    group's name as prefix (``unique/mIoU``).

    Expressions without a target (3D-GRES, gRefCOCO): the IoU is 1 if the
    prediction is empty and 0 if not, and counts as such in ``mIoU`` and
    ``Acc@t``. In ``oIoU`` a wrong prediction adds its size to U; a right one
    adds nothing, even if a few points below ``zero_target_min_points`` were
    predicted. Where the data has such expressions, ``zero_target/Acc`` and
    the metrics of the others (``with_target/...``) are reported as well. An
    expression that names objects (``object_ids``) without points is not
    without a target: its IoU is 0.

    A data sample holds either

    - E expressions of one scan: metainfo ``scene_id`` and ``expressions`` (a
      list of E dicts with ``text`` and, optional, ``object_ids``, ``ann_id``,
      ``groups``), ``gt_instances_3d.masks`` and ``pred_instances_3d.masks``,
      both bool (E, N), with ``pred_instances_3d.logits`` (E, N) for
      ``fallback``; or
    - one expression of one image: metainfo ``text``, ``groups`` (optional),
      ``gt_sem_seg.data`` and ``pred_sem_seg.data``, both (1, H, W) with 1
      inside the target. With ``ori_shape`` and ``img_shape`` in the metainfo
      the table and ``out_file`` say whether the masks have the original size
      of the images or that of the network: numbers differ between the two.

    Args:
        thresholds: The IoU thresholds t.
        inclusive: Whether an IoU equal to t counts. 3D protocols ask for
            IoU > t (False), 2D protocols for IoU >= t (True).
        accuracy_name: The papers' name of the accuracy, ``Acc`` in 3D and
            ``P`` in 2D.
        zero_target_min_points: Without a target, a prediction of fewer
            points counts as empty. MDIN uses 50.
        fallback: ``dict(min_points=100, topk=5000)`` also evaluates the rule
            of the released LESS code, which its paper does not mention: if
            fewer than ``min_points`` points are predicted, the ``topk``
            points of highest logit are switched on too. Only reported apart,
            as ``fallback/...``. 3D only.
        out_file: JSON file for one record per expression: its ids, ``iou``
            (0 to 1), ``inter``, ``union``, ``n_pred``, ``n_target``, of
            images ``mask_size``.
        collect_device: See :class:`mmengine.evaluator.BaseMetric`.
        prefix: See :class:`mmengine.evaluator.BaseMetric`.
        collect_dir: See :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = ''  # the papers' names, without a prefix

    def __init__(
        self,
        thresholds: Sequence[float] = (0.25, 0.5),
        inclusive: bool = False,
        accuracy_name: str = 'Acc',
        zero_target_min_points: int = 1,
        fallback: dict | None = None,
        out_file: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if not all(0 <= t <= 1 for t in thresholds):
            raise ValueError(f'thresholds={thresholds} must be between 0 and '
                             '1: give 0.25, not 25')
        if fallback is not None and set(fallback) != {'min_points', 'topk'}:
            raise ValueError(f'fallback={fallback} must be None or a dict of '
                             'min_points and topk')
        self.thresholds = tuple(thresholds)
        self.inclusive = inclusive
        self.accuracy_name = accuracy_name
        self.zero_target_min_points = zero_target_min_points
        self.fallback = fallback
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Compare predictions and targets, and keep numbers, not masks.

        One entry per data sample, a list of records: that is what the
        gathering over processes relies on to drop padded samples.
        """
        for sample in data_samples:
            if 'pred_instances_3d' in sample:
                records = self._process_scan(sample)
            elif 'pred_sem_seg' in sample:
                records = self._process_image(sample)
            else:
                raise KeyError(
                    'The data sample has neither pred_instances_3d nor '
                    f'pred_sem_seg, only {sorted(sample)}: the model must '
                    'add its prediction in predict mode')
            self.results.append(records)

    def _process_scan(self, sample: dict) -> list[dict]:
        pred = sample['pred_instances_3d']['masks']
        target = sample['gt_instances_3d']['masks']
        expressions = sample['expressions']
        scene_id = sample.get('scene_id')
        if pred.shape != target.shape or len(pred) != len(expressions):
            raise ValueError(
                f'Scene {scene_id}: {len(expressions)} expressions, predicted '
                f'masks {tuple(pred.shape)}, target masks '
                f'{tuple(target.shape)}; the masks must be (E, N) over the '
                'same points. Is there point sampling in the test pipeline '
                'behind the masks?')
        infos = [dict(expr, scene_id=scene_id) for expr in expressions]
        records = self._compare(pred, target, infos)
        if self.fallback is not None:
            logits = sample['pred_instances_3d']['logits']
            pred = _switch_on_topk(pred.bool(), logits, self.fallback)
            for record, other in zip(records,
                                     self._compare(pred, target, infos)):
                record['fallback'] = {
                    key: other[key]
                    for key in ('iou', 'inter', 'union', 'n_pred')
                }
        return records

    def _process_image(self, sample: dict) -> list[dict]:
        pred = sample['pred_sem_seg']['data']
        target = sample['gt_sem_seg']['data']
        if pred.shape[-2:] != target.shape[-2:]:
            raise ValueError(
                f'{sample.get("img_path")}: predicted mask '
                f'{tuple(pred.shape)}, target mask {tuple(target.shape)}; '
                'both must have the same size, that of the network (load the '
                'mask before the resize) or the original one (behind it)')
        size = tuple(pred.shape[-2:])
        record, = self._compare(
            pred.reshape(1, -1) == 1,
            target.reshape(1, -1) == 1, [sample])
        record['mask_size'] = list(size)
        record['size_of'] = [
            name for name, key in MASK_SIZES.items()
            if key in sample and tuple(sample[key][:2]) == size
        ]
        return [record]

    def _compare(self, pred: Tensor, target: Tensor,
                 infos: list[dict]) -> list[dict]:
        """Make the records of E masks over N points, both (E, N)."""
        pred = pred.bool()
        target = target.to(pred.device).bool()
        counts = torch.stack([(pred & target).sum(1), (pred | target).sum(1),
                              pred.sum(1),
                              target.sum(1)], 1)  # (E, 4)
        records = []
        for info, (inter, union, n_pred,
                   n_target) in zip(infos, counts.tolist()):
            record = {key: info[key] for key in ID_KEYS if key in info}
            zero_target = n_target == 0 and not info.get('object_ids')
            iou, union = referring_iou(inter, union, n_pred, zero_target,
                                       self.zero_target_min_points)
            record.update(
                iou=iou,
                inter=inter,
                union=union,
                n_pred=n_pred,
                n_target=n_target,
                zero_target=zero_target)
            records.append(record)
        return records

    def compute_metrics(self, results: list) -> dict:
        """Average the records, print the table, write ``out_file``.

        Args:
            results: One list of records per data sample.

        Returns:
            dict: Metric name to percent.
        """
        records = [record for sample in results for record in sample]
        if not records:
            raise ValueError('No expression was evaluated: is the annotation '
                             'file of the test set empty?')
        summary = summarize(records, self.thresholds, self.inclusive,
                            self.accuracy_name)
        size = _mask_size(records)
        title = None if size is None else f'masks compared at {size}'
        print_log('\n' + format_table(summary, title), logger='current')
        metrics = _flatten(summary)
        if self.fallback:
            changed = [dict(r, **r['fallback']) for r in records]
            summary = summarize(changed, self.thresholds, self.inclusive,
                                self.accuracy_name)
            title = 'fallback: fewer than {min_points} points, add the top ' \
                    '{topk}'.format(**self.fallback)
            print_log('\n' + format_table(summary, title), logger='current')
            metrics.update((f'fallback/{key}', value)
                           for key, value in _flatten(summary).items())
        if self.out_file is not None:
            content = dict(metrics=metrics, records=records)
            if size is not None:
                content['metainfo'] = dict(mask_size=size)
            write_json(self.out_file, content)
        return metrics


def _mask_size(records: list[dict]) -> str | None:
    """The size at which images were compared; None for scans."""
    for name in MASK_SIZES:
        if all(name in record.get('size_of', ()) for record in records):
            sizes = {tuple(record['mask_size']) for record in records}
            exact = ', {} x {}'.format(*sizes.pop()) if len(sizes) == 1 else ''
            return f'the {name} size{exact}'
    return None


def _flatten(summary: dict) -> dict:
    """Name the metrics ``mIoU`` over all, ``<group>/mIoU`` per group."""
    return {
        key if group == 'overall' else f'{group}/{key}': value
        for group, row in summary.items()
        for key, value in row.items() if key != 'count'
    }


def _switch_on_topk(pred: Tensor, logits: Tensor, rule: dict) -> Tensor:
    """Add the points of highest logit to predictions that are small."""
    k = min(rule['topk'], logits.shape[1])
    small = pred.sum(1, keepdim=True) < rule['min_points']
    top = torch.zeros_like(pred)
    top.scatter_(1, logits.to(pred.device).topk(k, dim=1).indices, True)
    return pred | (top & small)
