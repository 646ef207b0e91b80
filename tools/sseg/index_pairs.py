"""Index tars of image-caption pairs ahead of training.

Examples:
    python tools/sseg/index_pairs.py data/cc12m
    python tools/sseg/index_pairs.py 'data/cc3m/gcc-train-{000000..000331}.tar'
        'data/redcaps/*.tar' --index-dir data/index --processes 16

Training does this when it starts; with this tool it can be done on another
machine, and shows what is in the tars. Only headers are read. Tars whose
index fits are left alone, so that an interrupted run goes on when it is
started again. The exit status is 1 if a tar could not be indexed.
"""
from __future__ import annotations
import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.help_formatter import DefaultsHelpFormatter


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add('tars',
        nargs='+',
        help='folders, files, or patterns with *, ? and {000000..000331}')
    add('--index-dir',
        help='folder of the indices, as index_dir of the config; beside the '
        'tars without it')
    add('--processes',
        type=int,
        default=os.cpu_count(),
        help='how many tars are read at a time')
    add('--strict',
        action='store_true',
        help='a damaged or cut off tar is a failure; otherwise what is whole '
        'is indexed')
    args = parser.parse_args()
    if args.processes < 1:
        parser.error(f'--processes {args.processes} must be at least 1')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

from mmlangseg.cli.progress import Progress
from mmlangseg.sseg.datasets import (IndexedTar, find_tars, index_tars,
                                     sum_counts)


class Report:
    """Counts what the tars hold, for the line of the progress.

    Args:
        total: Number of tars.
    """

    def __init__(self, total: int) -> None:
        self.progress = Progress('indexing', total, 'tars')
        self.known = self.pairs = self.failed = 0

    def __call__(self, result: IndexedTar) -> None:
        known = not result.built and not result.error
        self.known += known
        self.pairs += result.counts.pairs
        self.failed += bool(result.error)
        self.progress.advance(
            note=f'{self.pairs} pairs, {self.known} had an index, '
            f'{self.failed} failed',
            free=known)


def main() -> None:
    args = parse_args()
    try:
        tars = find_tars(args.tars)
    except OSError as error:
        sys.exit(f'error: {error}')
    results = index_tars(
        tars,
        args.index_dir,
        strict=args.strict,
        processes=args.processes,
        progress=Report(len(tars)))
    counts = sum_counts([result.counts for result in results])
    print(f'{counts.pairs} pairs\n'
          f'{counts.image_only} images without caption\n'
          f'{counts.caption_only} captions without image\n'
          f'{counts.other} members that are neither\n'
          f'{sum(counts.refused.values())} members refused')
    for reason, number in sorted(counts.refused.items()):
        example = next(r for r in results if reason in r.counts.refused)
        print(f'  {number} by {reason}, such as one in {example.tar}')
    damaged = [result for result in results if result.counts.damage]
    if damaged:
        print(f'{len(damaged)} tars are damaged; what is whole is indexed:')
        for result in damaged:
            print(f'  {result.tar} {result.counts.damage}')
    failures = [result.error for result in results if result.error]
    if failures:
        print(f'{len(failures)} tars failed:', *failures, sep='\n  ')
        sys.exit(1)


if __name__ == '__main__':
    main()
