"""Lines that say how far a long job is."""
from __future__ import annotations
import time
from datetime import timedelta

REPORT_SECONDS = 10.


class Progress:
    """Prints now and then how far a job is, and when it will be done.

    Lines, not a bar: they are to be read in the log of a cluster job, too.

    Args:
        title: Begins every line.
        total: Number of items.
        unit: Name of several items, such as 'images'.
    """

    def __init__(self, title: str, total: int, unit: str) -> None:
        self.title = title
        self.total = total
        self.unit = unit
        self.done = 0
        self.start = self.reported = time.monotonic()

    def advance(self, count: int = 1, note: str = '') -> None:
        """Count items that are done; ``note`` ends the line, if one is due."""
        self.done += count
        now = time.monotonic()
        if self.done < self.total and now - self.reported <= REPORT_SECONDS:
            return
        self.reported = now
        each = (now - self.start) / self.done
        left = timedelta(seconds=round(each * (self.total - self.done)))
        print(
            f'{self.title}: {self.done}/{self.total} {self.unit}, '
            f'{each:.3g} s each, {left} left' + (f', {note}' if note else ''),
            flush=True)
