"""Work on many files in several processes, with a bar and a report."""
from __future__ import annotations
import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from mmlangseg.cli.progress import Progress
from mmlangseg.cpu.orphans import exit_with_parent


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the option for the number of processes of :func:`run_jobs`."""
    parser.add_argument(
        '--workers',
        type=int,
        default=os.cpu_count() or 1,
        help='number of processes, by default one per core')


def run_jobs(function: Callable,
             jobs: Mapping[str, tuple],
             workers: int,
             chunksize: int = 8) -> list[str]:
    """Call ``function(*arguments)`` for each job.

    Args:
        function: Of a module, so that processes can import it.
        jobs: Name, for the report, to arguments.
        workers: Number of processes; with 1 none is started.
        chunksize: How many jobs a process takes at a time: several if they
            take milliseconds.

    Returns:
        One line ``name: reason`` per job that failed, in the order of jobs.
    """
    attempt = partial(_attempt, function)
    progress = Progress('converting', len(jobs), 'files')
    failures, done = [], 0

    def collect(reasons) -> None:
        nonlocal done
        for name, reason in zip(jobs, reasons):
            if reason is not None:
                failures.append(f'{name}: {reason}')
            done += 1
            progress.advance(note=f'{len(failures)} failed')

    if workers > 1:
        try:
            with ProcessPoolExecutor(
                    workers, initializer=exit_with_parent) as pool:
                collect(pool.map(attempt, jobs.values(), chunksize=chunksize))
        except BrokenProcessPool:
            failures += [
                f'{name}: a worker process was killed, maybe for lack of '
                'memory; repeat the command with fewer --workers'
                for name in list(jobs)[done:]
            ]
    else:
        collect(map(attempt, jobs.values()))
    return failures


def _attempt(function: Callable, arguments: tuple) -> str | None:
    """Do one job; returns the reason if it fails."""
    try:
        function(*arguments)
    except (OSError, ValueError) as error:
        return str(error)
    except Exception as error:  # one bad file must not stop the others
        return f'{type(error).__name__}: {error}'
    return None


def report(failures: Sequence[str], remedy: str) -> int:
    """Print what failed; returns the exit status."""
    if not failures:
        return 0
    print(
        f'error: {len(failures)} failed. {remedy}:',
        *failures,
        sep='\n  ',
        file=sys.stderr)
    return 1
