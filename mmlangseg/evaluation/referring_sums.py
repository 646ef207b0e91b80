"""Sums over referring expressions, whose number memory does not grow with."""
from __future__ import annotations
from collections.abc import Sequence
from dataclasses import dataclass

OVERALL, ZERO_TARGET, WITH_TARGET = 'overall', 'zero_target', 'with_target'
_RESERVED = (OVERALL, ZERO_TARGET, WITH_TARGET, 'fallback')


def referring_iou(inter: int,
                  union: int,
                  n_pred: int,
                  zero_target: bool,
                  min_points: int = 1) -> tuple[float, int]:
    """IoU of one expression, and what it adds to the union of all.

    Args:
        inter: Points (or pixels) in both masks.
        union: Points in one of them at least.
        n_pred: Points in the prediction.
        zero_target: Whether nothing is meant.
        min_points: Without a target, a prediction of fewer points counts as
            empty.

    Returns:
        tuple[float, int]: The IoU (0 to 1); without a target 1 if the
        prediction counts as empty, and 0 if not. The union, 0 where an empty
        prediction is right.
    """
    if not zero_target:
        return inter / max(union, 1), union
    if n_pred < min_points:
        return 1.0, 0
    return 0.0, union


@dataclass
class _Sums:
    hits: list[int]
    count: int = 0
    iou: float = 0.
    inter: int = 0
    union: int = 0


class ReferringSums:
    """IoU over all expressions and over each group, in percent.

    ``mIoU`` is the mean over expressions, ``Acc@t`` the share of those whose
    IoU exceeds ``t``, ``oIoU`` the sum of intersections over that of unions.

    Args:
        thresholds: IoU thresholds of the accuracy, 0 to 1.
        inclusive: Whether an IoU equal to the threshold counts.
        accuracy_name: Name of the accuracy, e.g. ``Acc``.
    """

    def __init__(self, thresholds: Sequence[float], inclusive: bool,
                 accuracy_name: str) -> None:
        self.thresholds = tuple(thresholds)
        self.inclusive = inclusive
        self.accuracy_name = accuracy_name
        self._groups: dict[str, _Sums] = {}
        self._special = {
            name: self._new()
            for name in (OVERALL, WITH_TARGET, ZERO_TARGET)
        }

    def __len__(self) -> int:
        """Number of expressions."""
        return self._special[OVERALL].count

    def add(self,
            iou: float,
            inter: int,
            union: int,
            zero_target: bool,
            groups: Sequence[str] = ()) -> None:
        """Count an expression, see :func:`referring_iou`.

        Raises:
            ValueError: A group has a name that is reserved.
        """
        hits = [
            iou >= t if self.inclusive else iou > t for t in self.thresholds
        ]
        special = ZERO_TARGET if zero_target else WITH_TARGET
        members = [self._special[OVERALL], self._special[special]]
        for name in dict.fromkeys(groups):  # once, also if it stands twice
            if name in _RESERVED:
                raise ValueError(f'The group name {name!r} in the annotations '
                                 'is reserved by the metric: rename the group')
            if name not in self._groups:
                self._groups[name] = self._new()
            members.append(self._groups[name])
        for sums in members:
            sums.count += 1
            sums.iou += iou
            sums.inter += inter
            sums.union += union
            for i, hit in enumerate(hits):
                sums.hits[i] += hit

    def summary(self) -> dict[str, dict]:
        """Averages over all expressions that were added.

        Returns:
            dict: Group to a dict of ``count`` and metrics in percent;
            'overall' first, the groups in alphabetical order. Where some
            expressions have no target, 'with_target' and 'zero_target' too.
        """
        zero = self._special[ZERO_TARGET]
        rows = {OVERALL: self._special[OVERALL]}
        rows.update(sorted(self._groups.items()))
        if zero.count and self._special[WITH_TARGET].count:
            rows[WITH_TARGET] = self._special[WITH_TARGET]
        summary = {name: self._row(sums) for name, sums in rows.items()}
        if zero.count:
            summary[ZERO_TARGET] = dict(
                count=zero.count, Acc=100 * zero.iou / zero.count)
        return summary

    def _new(self) -> _Sums:
        return _Sums([0] * len(self.thresholds))

    def _row(self, sums: _Sums) -> dict:
        row = dict(count=sums.count, mIoU=100 * sums.iou / sums.count)
        for t, hits in zip(self.thresholds, sums.hits):
            row[f'{self.accuracy_name}@{t:g}'] = 100 * hits / sums.count
        # no target and no prediction anywhere: nothing is wrong
        row['oIoU'] = 100 * sums.inter / sums.union if sums.union else 100.0
        return row
