"""How far a long job is: a bar in a terminal, lines in a log."""
from __future__ import annotations
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from tqdm import tqdm

REPORT_SECONDS = 15.
Item = TypeVar('Item')


class Progress:
    """Shows how far a job is, and when it will be done.

    In a terminal by tqdm's bar; elsewhere by lines now and then, which are
    to be read in the log of a cluster job or of the demo.

    Args:
        title: Begins every line.
        total: Number of items.
        unit: Name of several items, such as 'images'.
    """

    def __init__(self, title: str, total: int, unit: str) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.done = self.free = 0
        self.start = self.reported = time.monotonic()
        self.bar = None
        if total and sys.stdout.isatty():
            self.bar = tqdm(
                desc=title,
                total=total,
                unit=f' {unit}',
                file=sys.stdout,
                dynamic_ncols=True)

    def advance(self,
                count: int = 1,
                note: str = '',
                free: bool = False) -> None:
        """Count items that are done.

        Args:
            count: How many.
            note: Ends the line, if one is due.
            free: Whether they took no time, and say nothing of the others.
        """
        self.done += count
        self.free += count * free
        if self.bar is not None:
            self.bar.initial = self.free  # left out of its rate
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(count)
            if self.done >= self.total:
                self.bar.close()
            return
        now = time.monotonic()
        if self.done < self.total and now - self.reported <= REPORT_SECONDS:
            return
        self.reported = now
        each = (now - self.start) / max(1, self.done - self.free)
        left = timedelta(seconds=round(each * (self.total - self.done)))
        print(
            f'{self.title}: {self.done}/{self.total} {self.unit}, '
            f'{each:.3g} s each, {left} left' + (f', {note}' if note else ''),
            flush=True)


def track(items: Sequence[Item], title: str, unit: str) -> Iterator[Item]:
    """Go through items and show the progress."""
    progress = Progress(title, len(items), unit)
    for item in items:
        yield item
        progress.advance()
