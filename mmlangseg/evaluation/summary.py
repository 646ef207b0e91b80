"""Averages over the records of expressions, by groups, and their table."""
from __future__ import annotations
from typing import Optional, Sequence

import numpy as np

OVERALL, ZERO_TARGET, WITH_TARGET = 'overall', 'zero_target', 'with_target'


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
    groups = {OVERALL: list(records)}
    names = sorted({name for r in records for name in r.get('groups') or ()})
    for name in names:
        if name in (OVERALL, ZERO_TARGET, WITH_TARGET, 'fallback'):
            raise ValueError(f'The group name {name!r} in the annotations is '
                             'reserved by the metric: rename the group')
        groups[name] = [r for r in records if name in (r.get('groups') or ())]
    zero = [r for r in records if r['zero_target']]
    if 0 < len(zero) < len(records):
        groups[WITH_TARGET] = [r for r in records if not r['zero_target']]

    summary = {}
    for name, members in groups.items():
        iou = np.array([r['iou'] for r in members])
        row = dict(count=len(members), mIoU=100 * float(iou.mean()))
        for t in thresholds:
            hit = iou >= t if inclusive else iou > t
            row[f'{accuracy_name}@{t:g}'] = 100 * float(hit.mean())
        union = sum(r['union'] for r in members)
        inter = sum(r['inter'] for r in members)
        # no target and no prediction anywhere: nothing is wrong
        row['oIoU'] = 100 * inter / union if union else 100.0
        summary[name] = row
    if zero:
        accuracy = 100 * float(np.mean([r['iou'] for r in zero]))
        summary[ZERO_TARGET] = dict(count=len(zero), Acc=accuracy)
    return summary


def format_table(summary: dict[str, dict], title: Optional[str] = None) -> str:
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
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rule = '+'.join('-' * (width + 2) for width in widths)
    rule = f'+{rule}+'
    lines = [] if title is None else [title]
    lines.append(rule)
    for i, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])]
        cells += [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:])
        ]
        lines.append('| ' + ' | '.join(cells) + ' |')
        if i == 0:
            lines.append(rule)
    return '\n'.join([*lines, rule])
