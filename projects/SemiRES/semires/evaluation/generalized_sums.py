"""The scores of gRefCOCO, where an expression may mean nothing."""
from __future__ import annotations
from collections.abc import Sequence


class GeneralizedSums:
    """The scores of generalized referring expression segmentation.

    By the paper (GRES, CVPR 2023, Sec. 3.2) and the names of its authors, in
    percent:

    - ``gIoU``: mean IoU over all expressions. Of those without a target it is
      1 if no target was predicted, and 0 if one was.
    - ``cIoU``: sum of intersections over sum of unions. Without a target and
      with a prediction, the union is the prediction.
    - ``Pr@t``: share of the expressions with a target whose IoU is t or more.
    - ``N_acc``: share of those without a target that were recognized;
      ``T_acc``: share of the others that were not taken for such.

    Where "no target" was predicted besides a mask, the intersection is empty,
    but the mask counts in the union, as in the authors' evaluation.

    Args:
        thresholds: Of ``Pr@t``.
        inclusive: Whether an IoU equal to the threshold counts.
    """

    def __init__(self,
                 thresholds: Sequence[float] = (0.7, 0.8, 0.9),
                 inclusive: bool = True) -> None:
        self.thresholds = tuple(thresholds)
        self.inclusive = inclusive
        self._hits = [0] * len(self.thresholds)
        self._iou = 0.
        self._inter = self._union = 0
        self._found = {True: [0, 0], False: [0, 0]}  # right, all; by target

    def __len__(self) -> int:
        """Number of expressions."""
        return sum(count for _, count in self._found.values())

    def add(self, inter: int, n_pred: int, n_target: int, has_target: bool,
            says_none: bool) -> None:
        """Count an expression.

        Args:
            inter: Pixels in both masks.
            n_pred: Pixels in the prediction.
            n_target: Pixels in the target.
            has_target: Whether something is meant.
            says_none: Whether "no target" was predicted.
        """
        union = n_pred + n_target - inter
        if says_none and has_target:
            inter = 0  # the union stays, as in the authors' evaluation
        right = says_none != has_target
        self._found[has_target][0] += right
        self._found[has_target][1] += 1
        if not has_target:
            self._iou += right
            self._union += 0 if right else union
            return
        iou = inter / max(union, 1)
        self._iou += iou
        self._inter += inter
        self._union += union
        for i, t in enumerate(self.thresholds):
            self._hits[i] += iou >= t if self.inclusive else iou > t

    def summary(self) -> dict[str, float]:
        """Name of each score to percent; those of which there are no
        expressions are left out."""
        with_target, without = self._found[True], self._found[False]
        summary = dict(
            count=len(self),
            gIoU=100 * self._iou / len(self),
            cIoU=100 * self._inter / self._union if self._union else 100.)
        if with_target[1]:
            for t, hits in zip(self.thresholds, self._hits):
                summary[f'Pr@{t:g}'] = 100 * hits / with_target[1]
            summary['T_acc'] = 100 * with_target[0] / with_target[1]
        if without[1]:
            summary['N_acc'] = 100 * without[0] / without[1]
        return summary
