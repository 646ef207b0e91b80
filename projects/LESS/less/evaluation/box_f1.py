"""F1 of boxes, the score of Multi3DRefer (M3DRef-CLIP, Sec. 3.4)."""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np

from mmlangseg.evaluation import Prediction, PredictionError

OVERALL = 'overall'
_FORM = 'boxes are (n, 6), minimum and maximum in meters of the aligned scan'


def prediction_boxes(prediction: Prediction) -> np.ndarray:
    """The boxes of a prediction.

    Args:
        prediction: With n boxes, each minimum and maximum (6 numbers or two
            lists of 3), or eight corners, in meters of the aligned scan.

    Returns:
        np.ndarray: (n, 2, 3) float64.

    Raises:
        PredictionError: There are no such boxes.
    """
    try:
        boxes = np.asarray(prediction.value, np.float64)
    except (TypeError, ValueError, OverflowError):
        boxes = np.full(1, np.nan)
    if prediction.kind == 'boxes' and boxes.size == 0:
        return np.zeros((0, 2, 3))
    if prediction.kind != 'boxes' or not np.isfinite(boxes).all():
        raise PredictionError(f'{prediction.where}: it has no boxes of finite '
                              f'numbers; {_FORM}')
    if boxes.shape[1:] == (8, 3):  # corners
        return np.stack([boxes.min(1), boxes.max(1)], 1)
    if boxes.shape[1:] not in ((6, ), (2, 3)):
        raise PredictionError(f'{prediction.where}: its boxes have shape '
                              f'{boxes.shape}; {_FORM}')
    boxes = boxes.reshape(-1, 2, 3)
    if (boxes[:, 0] > boxes[:, 1]).any():
        raise PredictionError(f'{prediction.where}: the minimum of a box is '
                              f'above its maximum (center and size?); {_FORM}')
    return boxes


def box_ious(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """IoU of each pair of axis-aligned boxes.

    Args:
        first: (P, 2, 3).
        second: (G, 2, 3).

    Returns:
        np.ndarray: (P, G) float64, 0 where both boxes are flat.
    """
    low = np.maximum(first[:, None, 0], second[None, :, 0])
    high = np.minimum(first[:, None, 1], second[None, :, 1])
    inter = (high - low).clip(min=0).prod(-1)
    volumes = [(boxes[:, 1] - boxes[:, 0]).prod(-1)
               for boxes in (first, second)]
    union = volumes[0][:, None] + volumes[1][None] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def box_f1(predicted: np.ndarray,
           true: np.ndarray,
           thresholds: Sequence[float],
           inclusive: bool = True) -> list[float]:
    """F1 of one expression.

    Boxes are matched one to one, so that the sum of their IoUs is largest;
    pairs whose IoU reaches the threshold are true positives. If nothing is
    meant, it is 1 without a predicted box and 0 with one.

    Args:
        predicted: (P, 2, 3).
        true: (G, 2, 3).
        thresholds: Of the IoU.
        inclusive: Whether an IoU equal to a threshold reaches it.

    Returns:
        list[float]: One of each threshold, 0 to 1.
    """
    # here: programs that only infer have a stand-in for scipy.optimize
    from scipy.optimize import linear_sum_assignment
    total = len(predicted) + len(true)
    if total == 0 or not len(predicted) or not len(true):
        return [float(total == 0)] * len(thresholds)
    ious = box_ious(predicted, true)
    matched = ious[linear_sum_assignment(ious, maximize=True)]
    return [
        2 * int((matched >= t if inclusive else matched > t).sum()) / total
        for t in thresholds
    ]


class BoxF1:
    """Mean F1 over expressions, overall and by group, in percent.

    Args:
        thresholds: Of the IoU.
        inclusive: See :func:`box_f1`; M3DRef-CLIP counts equality.
    """

    def __init__(self,
                 thresholds: Sequence[float] = (0.25, 0.5),
                 inclusive: bool = True) -> None:
        self.thresholds = tuple(thresholds)
        self.inclusive = inclusive
        self._sums: dict[str, list[float]] = {
            OVERALL: [0] * (1 + len(self.thresholds))
        }

    def add(self, predicted: np.ndarray, true: np.ndarray,
            groups: Sequence[str]) -> None:
        """Count an expression, see :func:`box_f1`."""
        scores = [1, *box_f1(predicted, true, self.thresholds, self.inclusive)]
        for name in (OVERALL, *dict.fromkeys(groups)):
            sums = self._sums.setdefault(name, [0] * len(scores))
            for i, score in enumerate(scores):
                sums[i] += score

    def summary(self) -> dict[str, dict]:
        """Group to ``count`` and ``F1@t`` in percent, 'overall' first."""
        names = [OVERALL, *sorted(self._sums.keys() - {OVERALL})]
        summary = {}
        for name in names:
            count, *sums = self._sums[name]
            summary[name] = dict(count=count)
            for t, total in zip(self.thresholds, sums):
                summary[name][f'F1@{t:g}'] = 100 * total / count
        return summary
