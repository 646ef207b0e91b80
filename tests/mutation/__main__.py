"""Print how the readers take damaged files, as the table of the README.

Example:
    PYTHONPATH=.:tests:tools/dataset_converters python -m mutation --cases 200
"""
from __future__ import annotations
import argparse
import faulthandler
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .harness import GOOD, Bench, Result, table
from .kinds import KINDS


def run_kind(name: str, cases: int, seed: int) -> list[Result]:
    """All cases of one kind of file."""
    kind = next(kind for kind in KINDS if kind.name == name)
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(kind, Path(folder), seed)
        results = []
        for case in range(cases):
            # where a signal does not help, because C code hangs
            faulthandler.dump_traceback_later(120, exit=True)
            results.append(bench.run(case))
        faulthandler.cancel_dump_traceback_later()
    return results


def _silence() -> None:
    """Progress bars keep the streams that they were imported with."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cases', type=int, default=100, help='of each kind')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--kind', default='', help='only kinds with this name')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument(
        '--show', type=int, default=20, help='failures to print per kind')
    args = parser.parse_args()
    names = [kind.name for kind in KINDS if args.kind in kind.name]
    results, failed = [], 0
    with ProcessPoolExecutor(args.workers, initializer=_silence) as pool:
        jobs = {
            name: pool.submit(run_kind, name, args.cases, args.seed)
            for name in names
        }
        for name, job in jobs.items():
            try:
                found = job.result()
            except Exception as error:  # the other kinds go on
                print(f'{name}: not even undamaged: {error!r}', flush=True)
                failed += 1
                continue
            results += found
            bad = [result for result in found if result.outcome not in GOOD]
            failed += len(bad)
            print(f'{name}: {len(bad)} of {len(found)}', flush=True)
            for result in bad[:args.show]:
                print(
                    f'  {result.case} {result.damage}: {result.outcome}: '
                    f'{result.reason}',
                    flush=True)
    print(table(results))
    return bool(failed)


if __name__ == '__main__':
    sys.exit(main())
