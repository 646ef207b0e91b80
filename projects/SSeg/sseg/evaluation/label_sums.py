"""Areas of classes over label maps, whose number memory does not grow with."""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np
import torch

from .wide_iou_metric import WideIoUMetric


class LabelSums:
    """The scores of :class:`WideIoUMetric` from areas that are summed up.

    Args:
        classes: Names of the C classes.
        dataset_meta: Of the data set, see :class:`WideIoUMetric`.
        ignore_index: Label of pixels that are not evaluated; no class.
    """

    def __init__(self,
                 classes: Sequence[str],
                 dataset_meta: dict | None = None,
                 ignore_index: int = 255) -> None:
        self.num_classes = len(classes)
        if 0 <= ignore_index < self.num_classes:
            raise ValueError(f'ignore_index={ignore_index} is the class '
                             f'{classes[ignore_index]!r}')
        self.ignore_index = ignore_index
        self._metric = WideIoUMetric(ignore_index, iou_metrics=['mIoU'])
        self._metric.dataset_meta = dict(dataset_meta or {}, classes=classes)
        # intersection, prediction, label
        self._areas = np.zeros((3, self.num_classes), np.int64)
        self._ignored = 0

    def add(self, predicted: np.ndarray, labels: np.ndarray) -> None:
        """Count an image.

        Args:
            predicted: (H, W) integers, the class of each pixel, 0 to C - 1.
            labels: (H, W) integers, the same or ``ignore_index``.

        Raises:
            ValueError: The sizes differ, or a number is no class.
        """
        if predicted.shape != labels.shape:
            raise ValueError(f'the prediction has {predicted.shape} pixels, '
                             f'the label map {labels.shape} (height, width)')
        count = self.num_classes
        ignored = labels == self.ignore_index
        joint = np.where(ignored, 0, labels).astype(np.int64)
        for what, values in (('class', predicted), ('label', joint)):
            if values.size and not (0 <= values.min()
                                    and values.max() < count):
                wrong = values.min() if values.min() < 0 else values.max()
                raise ValueError(f'{what} {wrong} is none of the {count} '
                                 'classes of the data set')
        # one pass: the ignored pixels are a row of their own
        joint[ignored] = count
        joint *= count
        joint += predicted
        table = np.bincount(joint.ravel(), minlength=(count + 1) * count)
        table = table.reshape(count + 1, count)
        self._ignored += int(table[count].sum())
        self._areas[0] += table[:count].diagonal()
        self._areas[1] += table[:count].sum(0)
        self._areas[2] += table[:count].sum(1)

    def summary(self) -> dict[str, float]:
        """``aAcc``, ``mIoU`` and ``mAcc`` in percent; prints the table of the
        classes, and warns of those without labels.

        Raises:
            ValueError: No pixel has a label.
        """
        inter, predicted, labels = torch.from_numpy(self._areas)
        areas = torch.stack(
            [inter, predicted + labels - inter, predicted, labels])
        classes = torch.arange(self.num_classes)
        return self._metric.compute_metrics([(None, classes, areas,
                                              self._ignored)])
