"""IoU of many classes."""
from __future__ import annotations
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import print_log
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from PIL import Image
from torch import Tensor

from mmlangseg.io.files import atomic_path, write_json
from .label_coverage import check_coverage
from .label_names import require_same_labels


@METRICS.register_module()
class WideIoUMetric(IoUMetric):
    """mmseg's ``IoUMetric`` for any number of classes.

    The same numbers, in percent: IoU and accuracy of each class over all
    pixels of the data set, and their means (``mIoU``, ``mAcc``, ``aAcc``). A
    class that occurs neither in the labels nor in the predictions is left out
    of the means; one that is only predicted counts with IoU 0.

    Different are:

    - Areas are counted as integers. mmseg's ``torch.histc`` counts in
      float32, which stops at 2**24 pixels of a class in an image (per
      thread), and so do its sums over images.
    - Kept of an image are the areas of the classes that occur. Of 1,203
      classes mmseg keeps 19 kB per image.
    - ``output_dir`` gets 16-bit PNGs if there are more than 256 labels. Two
      images whose files would have the same name are an error.
    - ``out_file`` gets one record per image.
    - Labels and predictions that are no class are an error, and so is an
      ``ignore_index`` that is one. mmseg counts them nowhere, so that a wrong
      ``ignore_index`` or vocabulary is not seen. So is a model whose labels
      are those of other classes, see :func:`require_same_labels`.
    - Classes that no pixel has, and more than half of the pixels ignored (95 %
      where the data set ignores a class), are warned of; see
      :func:`check_coverage`.

    Args:
        ignore_index: Label of ignored pixels. 255 will not do for more than
            255 classes, see :class:`LoadWideAnnotations`.
        out_file: JSON file for the metrics, the IoU of each class over the
            data set, and one record per image: its path, the IoU of each
            class that is in its labels or predicted, and the mean of these.
        kwargs: Those of mmseg's ``IoUMetric``.
    """

    def __init__(self,
                 ignore_index: int = 255,
                 out_file: str | None = None,
                 **kwargs) -> None:
        super().__init__(ignore_index=ignore_index, **kwargs)
        self.out_file = out_file
        self._written: dict[Path, str] = {}  # image of each file

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Score a batch.

        Args:
            data_batch: Not used.
            data_samples: With ``pred_sem_seg``, ``gt_sem_seg``: ``data``
                (1, H, W) int64; and ``label_names``, what the model calls
                its labels, if it knows them.
        """
        for sample in data_samples:
            self._check(sample)
        start = len(self.results)
        folder = self.output_dir
        self.output_dir: str | None = None
        try:  # without output, which mmseg cuts to 8 bits
            super().process(data_batch, data_samples)
        finally:
            self.output_dir = folder
        if self.results[start:]:  # none are kept for `format_only`
            self.results[start:] = [
                (sample.get('img_path'), *_compact(areas),
                 int((
                     sample['gt_sem_seg']['data'] == self.ignore_index).sum()))
                for sample, areas in zip(data_samples, self.results[start:])
            ]
        if folder is not None:
            for sample in data_samples:
                self._write(sample, folder)

    @staticmethod
    def intersect_and_union(pred_label: Tensor, label: Tensor,
                            num_classes: int,
                            ignore_index: int) -> tuple[Tensor, ...]:
        """Areas of the classes in an image.

        Args:
            pred_label: Predicted labels, integer, of any shape.
            label: True labels, of the same shape.
            num_classes: Their number C; both are below it.
            ignore_index: Label of ignored pixels.

        Returns:
            tuple[Tensor, ...]: Intersection, union, prediction and label,
            each (C, ) int64 on the CPU.
        """
        known = label != ignore_index
        pred_label, label = pred_label[known], label[known]
        inter, pred, true = (
            torch.bincount(values, minlength=num_classes).cpu()
            for values in (label[pred_label == label], pred_label, label))
        return inter, pred + true - inter, pred, true

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Sum the areas up, and score them as mmseg does."""
        if self.format_only:
            return super().compute_metrics(results)
        names = self.dataset_meta['classes']
        # intersection, union, prediction, label
        total = torch.zeros(4, len(names), dtype=torch.float64)
        for _, classes, areas, _ in results:
            total[:, classes.long()] += areas
        self._warn(names, total[3], sum(ignored for *_, ignored in results))
        metrics = super().compute_metrics([tuple(total)])
        if self.out_file is not None:
            records = []
            for path, classes, areas, _ in results:
                ious = _ious([names[i] for i in classes], areas)
                mean = np.mean(list(ious.values())) if ious else None
                records.append(dict(img_path=path, mIoU=mean, classes=ious))
            write_json(
                self.out_file,
                dict(
                    metrics={
                        k: float(v)
                        for k, v in metrics.items()
                    },
                    classes=_ious(names, total),
                    records=records))
        return metrics

    def _warn(self, names: Sequence[str], labelled: Tensor,
              ignored: int) -> None:
        left_out = (self.dataset_meta.get('label_map') or {}).values()
        by_design = bool(self.dataset_meta.get('reduce_zero_label')) or \
            self.ignore_index in left_out
        for message in check_coverage(names, labelled, ignored, by_design):
            print_log(message, logger='current', level=logging.WARNING)

    def _check(self, sample: dict) -> None:
        classes = self.dataset_meta['classes']
        if 'label_names' in sample:
            require_same_labels(sample['label_names'], classes)
        num_classes = len(classes)
        prediction = sample['pred_sem_seg']['data']
        highest = int(prediction.max())
        if highest >= num_classes:
            raise ValueError(
                f'{sample.get("img_path")}: class {highest} was predicted, '
                f'but the data set has {num_classes} classes. Give the model '
                "the data set's vocabulary, and the same background")
        if self.format_only:
            return
        if 0 <= self.ignore_index < num_classes:
            raise ValueError(
                f'ignore_index={self.ignore_index} of WideIoUMetric is the '
                f'class {classes[self.ignore_index]!r}, '
                'which would not be scored: set it to that of the data set '
                'and of LoadWideAnnotations, such as 65535')
        label = sample['gt_sem_seg']['data']
        path = sample.get('seg_map_path', sample.get('img_path'))
        if label.shape != prediction.shape:
            raise ValueError(
                f'{path}: the label map is of {tuple(label.shape[-2:])} '
                f'pixels, the prediction of {tuple(prediction.shape[-2:])} '
                '(height, width). Load label maps behind the resizing of the '
                'images, with LoadWideAnnotations')
        wrong = label[(label != self.ignore_index)
                      & ((label < 0) | (label >= num_classes))]
        if wrong.numel():
            raise ValueError(
                f'{path}: label {int(wrong[0])} is no class of the data set, '
                f'which has {num_classes}, nor the ignore_index '
                f'{self.ignore_index} of the metric')

    def _write(self, sample: dict, folder: str) -> None:
        labels = sample['pred_sem_seg']['data'].squeeze(0).cpu().numpy()
        # ids as in the files of the data set, as mmseg writes them
        labels = labels + bool(sample.get('reduce_zero_label', False))
        num_labels = len(self.dataset_meta['classes']) + 1
        dtype = np.uint8 if num_labels <= 256 else np.uint16
        path = Path(folder, f'{Path(sample["img_path"]).stem}.png')
        other = self._written.setdefault(path, sample['img_path'])
        if other != sample['img_path']:
            raise ValueError(
                f'{sample["img_path"]} and {other} would both be {path.name} '
                'in output_dir, which goes by the names of images without '
                'their folders: rename one of them, or test the folders '
                'apart')
        with atomic_path(path) as tmp:
            Image.fromarray(labels.astype(dtype)).save(tmp)


def _ious(names: Sequence[str], areas: Tensor) -> dict[str, float]:
    """IoU in percent of every class that occurs; areas (4, N)."""
    return {
        name: 100 * float(inter) / float(union)
        for name, inter, union in zip(names, areas[0], areas[1]) if union > 0
    }


def _compact(areas: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Keep the classes that occur, (N, ) int32, and their areas, (4, N)."""
    stacked = torch.stack(tuple(areas)).long()
    classes = stacked.any(0).nonzero().flatten()
    return classes.int(), stacked[:, classes]
