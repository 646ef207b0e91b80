"""Averages over the records of expressions, by groups, and their table."""
from __future__ import annotations
from collections.abc import Sequence

from mmlangseg.cli.table import format_rows
from .referring_sums import OVERALL, ZERO_TARGET, ReferringSums


def summarize(records: Sequence[dict], thresholds: Sequence[float],
              inclusive: bool, accuracy_name: str) -> dict[str, dict]:
    """Average records over all expressions and over each group.

    Args:
        records: Per expression ``iou`` (0 to 1), ``inter``, ``union``,
            ``zero_target`` and, optional, ``groups`` (list of names).
        thresholds: IoU thresholds of the accuracy.
        inclusive: Whether an IoU equal to the threshold counts.
        accuracy_name: Name of the accuracy, e.g. ``Acc``.

    Returns:
        dict: Group to a dict of ``count`` and metrics in percent; 'overall'
        first, the groups in alphabetical order.
    """
    sums = ReferringSums(thresholds, inclusive, accuracy_name)
    for r in records:
        sums.add(r['iou'], r['inter'], r['union'], r['zero_target'],
                 r.get('groups') or ())
    return sums.summary()


def format_table(summary: dict[str, dict], title: str | None = None) -> str:
    """Lay out the result of :func:`summarize` as text."""
    columns = list(summary[OVERALL])
    if ZERO_TARGET in summary:
        columns.append('Acc')
    rows = [['group', *columns]]
    for name, row in summary.items():
        cells = [
            '-' if key not in row else
            str(row[key]) if key == 'count' else f'{row[key]:.2f}'
            for key in columns
        ]
        rows.append([name, *cells])
    return format_rows(rows, title)
