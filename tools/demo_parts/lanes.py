"""Runs the parts of the demo, side by side where there are cores for it."""
from __future__ import annotations
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from .part import Part
from .progress import format_time, last_lines, read_tail, seconds_left

REPORT_SECONDS = 15.  # between lines, where they cannot be rewritten


class PartFailedError(RuntimeError):
    """A part ended with an error; the message is for the user."""


class Display:
    """A line that is rewritten in a terminal, and else printed now and then.

    Args:
        stream: Where to print.
        clock: Seconds.
    """

    def __init__(self,
                 stream: TextIO = sys.stdout,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.stream = stream
        self.clock = clock
        self.rewrites = stream.isatty()
        self.printed = clock()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._write(f'\r\033[K{line}\n' if self.rewrites else f'{line}\n')

    def show(self, line: str) -> None:
        """Show the state, which the next one replaces."""
        if self.rewrites:
            width = shutil.get_terminal_size().columns - 1
            self._write(f'\r\033[K{line[:width]}')
        elif self.clock() - self.printed >= REPORT_SECONDS:
            self._write(f'{line}\n')

    def _write(self, text: str) -> None:
        self.printed = self.clock()
        self.stream.write(text)
        self.stream.flush()


class Lane:
    """Parts that are run one after the other.

    Args:
        parts: In order.
        out: Folder of logs and stamps.
        display: Where finished parts are reported.
    """

    def __init__(self, parts: Sequence[Part], out: Path,
                 display: Display) -> None:
        self.waiting = list(parts)
        self.out = out
        self.display = display
        self.part: Part | None = None
        self.process: subprocess.Popen | None = None
        self.started = 0.
        # real seconds by usual ones, of what has been run
        self.usual = self.real = 0.

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.process is None and not self.waiting

    def step(self) -> None:
        """See whether the part has ended, and begin the next one.

        Raises:
            PartFailedError: It has ended with an error, or without its
                outputs.
        """
        if self.process is not None:
            status = self.process.poll()
            if status is None:
                return
            self._end(status)
        while self.waiting and self.process is None:
            part = self.waiting.pop(0)
            if part.is_done(self.out):
                self.display.say(f'{part.system:8}{part.name}: there already')
            else:
                self._begin(part)

    def stop(self) -> None:
        """End the running part."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def state(self) -> str:
        """Such as ``LESS training, 2 min 10 s left``."""
        if self.part is None:
            return ''
        left = format_time(self._part_left())
        return f'{self.part.system}: {self.part.name}, {left} left'

    def seconds_left(self) -> float:
        """Of the running part and of all that wait."""
        if self.process is None:
            return 0.
        later = sum(part.seconds for part in self.waiting)
        return self._part_left() + later * self._slowness()

    def _slowness(self) -> float:
        return self.real / self.usual if self.usual else 1.

    def _part_left(self) -> float:
        left = seconds_left(read_tail(self.part.log(self.out)))
        if left is not None:
            return left
        elapsed = time.monotonic() - self.started
        usual = self.part.seconds * self._slowness()
        return max(usual - elapsed, 1.)

    def _begin(self, part: Part) -> None:
        words = part.begin(self.out)
        with open(part.log(self.out), 'wb') as log:
            self.process = subprocess.Popen([sys.executable, *words],
                                            stdin=subprocess.DEVNULL,
                                            stdout=log,
                                            stderr=subprocess.STDOUT,
                                            env=environment())
        self.part, self.started = part, time.monotonic()

    def _end(self, status: int) -> None:
        part, seconds = self.part, time.monotonic() - self.started
        self.process = self.part = None
        assert part is not None  # a process has ended
        missing = part.missing()
        if status or missing:
            raise PartFailedError(failure(part, self.out, status, missing))
        part.finish(self.out)
        self.real += seconds
        self.usual += part.seconds
        self.display.say(
            f'{part.system:8}{part.name}: done in {format_time(seconds)}')


def environment() -> dict[str, str]:
    """One thread for each process, no GPU, and quiet libraries."""
    return dict(
        os.environ,
        OMP_NUM_THREADS='1',
        CUDA_VISIBLE_DEVICES='',
        HF_HUB_OFFLINE='1',
        PYTHONUNBUFFERED='1')


def failure(part: Part, out: Path, status: int,
            missing: Sequence[Path] = ()) -> str:
    """What the user is told of a part that has failed."""
    why = f'exit status {status}' if status else \
        f'{missing[0]} has not been written'
    if status < 0:
        why = f'ended by signal {-status}' + \
            (', perhaps for want of memory' if status == -9 else '')
    log = part.log(out)
    lines = ''.join(f'    {line}\n' for line in last_lines(read_tail(log)))
    return (f'{part.system}: {part.name} failed ({why}). The end of {log}:\n'
            f'{lines}'
            'Mend what it says and run `make demo` again: what is finished '
            'is kept, and an interrupted training goes on.')


def run_lanes(lanes: Sequence[Sequence[Part]],
              out: Path,
              jobs: int,
              display: Display | None = None,
              pause: float = 0.5) -> None:
    """Run the parts of all lanes.

    Args:
        lanes: Parts of a lane are run in order.
        out: Folder of logs and stamps, made if missing.
        jobs: Lanes that are run at the same time; the others wait.
        display: By default on the standard output.
        pause: Seconds between two looks at the processes.

    Raises:
        PartFailedError: A part has failed; the others are ended.
    """
    out.mkdir(parents=True, exist_ok=True)
    display = display or Display()
    waiting = [Lane(parts, out, display) for parts in lanes]
    running: list[Lane] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(waiting.pop(0))
            for lane in running:
                lane.step()
            running = [lane for lane in running if not lane.finished]
            if running:
                display.show(_summary(running, waiting))
                time.sleep(pause)
    finally:
        for lane in running:
            lane.stop()


def _summary(running: Sequence[Lane], waiting: Sequence[Lane]) -> str:
    later = sum(part.seconds for lane in waiting for part in lane.waiting)
    left = max(lane.seconds_left() for lane in running) + later
    states = ' | '.join(lane.state() for lane in running)
    return f'about {format_time(left)} to go | {states}'
