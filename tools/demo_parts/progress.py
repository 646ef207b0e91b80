"""What the log of a running tool says of the time that it still needs."""
from __future__ import annotations
import os
import re
from pathlib import Path

# MMEngine's log: "Iter(train) [ 50/450]  ...  eta: 0:03:02"
_TRAINING = re.compile(r'\((train|val|test)\).*?\[ *(\d+)/(\d+)\].*?'
                       r'eta: (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)')
# MMEngine's ProgressBar: "[>>> ] 389/400, 43.2 task/s, elapsed: 9s, ETA:  0s"
_BAR = re.compile(r'\] (\d+)/(\d+), .*?ETA: +(\d+)s')
_TAIL_BYTES = 20_000


def seconds_left(log: str) -> float | None:
    """Find the latest estimate in a log.

    Args:
        log: Text of the log, or its end; bars may rewrite their line by
            carriage returns.

    Returns:
        Seconds, or None where the log has no estimate yet, or what it
        estimated is done.
    """
    for line in reversed(re.split(r'[\r\n]+', log)):
        if match := _TRAINING.search(line):
            if match[2] == match[3]:
                return None
            days, hours, minutes, seconds = (
                int(value or 0) for value in match.groups()[3:])
            return ((days * 24 + hours) * 60 + minutes) * 60. + seconds
        if match := _BAR.search(line):
            return None if match[1] == match[2] else float(match[3])
    return None


def read_tail(path: Path) -> str:
    """The last kilobytes of a file, nothing where there is none."""
    try:
        with open(path, 'rb') as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read().decode(errors='replace')
    except FileNotFoundError:
        return ''


def last_lines(log: str, count: int = 12) -> list[str]:
    """The last lines that say something; of a bar its last state."""
    lines = [
        line.split('\r')[-1].rstrip()
        for line in log.replace('\r\n', '\n').rstrip('\r').split('\n')
    ]
    return [line for line in lines if line][-count:]


def format_time(seconds: float) -> str:
    """``75`` as ``1 min 15 s``."""
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    return f'{minutes} min {seconds:02d} s' if minutes else f'{seconds} s'
