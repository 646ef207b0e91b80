"""What a run of the tests left out, in a few lines."""
from __future__ import annotations
from collections import defaultdict
from collections.abc import Iterable

from pytest import CollectReport, TestReport


def skip_summary(reports: Iterable[TestReport | CollectReport]) -> list[str]:
    """Group skipped tests by their reason, the most frequent one first.

    Several workers may report the same file; it counts once.

    Returns:
        list[str]: For each reason a line with the number of tests, and one
        with their files. A file that is skipped as a whole counts as one.
    """
    names = defaultdict(set)
    for report in reports:
        _, _, reason = report.longrepr
        names[reason.removeprefix('Skipped: ')].add(report.nodeid)
    lines = []
    for reason, found in sorted(
            names.items(), key=lambda item: (-len(item[1]), item[0])):
        files = sorted({name.partition('::')[0] for name in found})
        lines += [f'{len(found):5}  {reason}', f'       {", ".join(files)}']
    return lines
