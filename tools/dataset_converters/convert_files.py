"""Work on many files in several processes, with a bar and a report."""
from __future__ import annotations
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Callable, Mapping, Sequence

from mmengine.utils import ProgressBar


def run_jobs(function: Callable, jobs: Mapping[str, tuple],
             workers: int) -> list[str]:
    """Call ``function(*arguments)`` for each job.

    Args:
        function: Of a module, so that processes can import it.
        jobs: Name, for the report, to arguments.
        workers: Number of processes; with 1 none is started.

    Returns:
        One line ``name: reason`` per job that failed, in the order of jobs.
    """
    attempt = partial(_attempt, function)
    progress = ProgressBar(len(jobs))
    failures = []

    def collect(reasons) -> None:
        for name, reason in zip(jobs, reasons):
            if reason is not None:
                failures.append(f'{name}: {reason}')
            progress.update()

    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            # a job takes milliseconds: several at a time
            collect(pool.map(attempt, jobs.values(), chunksize=8))
    else:
        collect(map(attempt, jobs.values()))
    print()
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
