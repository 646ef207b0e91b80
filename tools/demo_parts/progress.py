"""What the log of a running tool says of the time that it still needs."""
from __future__ import annotations
import os
import re
from pathlib import Path

_TIME = r'(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)'
_ESTIMATES = (
    # MMEngine's log: "Iter(train) [ 50/450]  ...  eta: 0:03:02"
    re.compile(r'\((?:train|val|test)\).*?\[ *(\d+)/(\d+)\].*?eta: ' + _TIME),
    # mmlangseg.cli.progress: "rooms: 389/400 scans, 0.02 s each, 0:00:09 left"
    re.compile(rf': (\d+)/(\d+) \w+, \S+ s each, {_TIME} left'))
_TAIL_BYTES = 20_000


def seconds_left(log: str) -> float | None:
    """Find the latest estimate in a log.

    Args:
        log: Text of the log, or its end.

    Returns:
        Seconds, or None where the log has no estimate yet, or what it
        estimated is done.
    """
    for line in reversed(log.splitlines()):
        for pattern in _ESTIMATES:
            if match := pattern.search(line):
                if match[1] == match[2]:
                    return None
                days, hours, minutes, seconds = (
                    int(value or 0) for value in match.groups()[2:])
                return ((days * 24 + hours) * 60 + minutes) * 60. + seconds
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
