"""Compare a system with stored outputs of its research code, or the tiny
models of all systems with those in tests/data/parity.

Every line names one quantity, its largest difference and the tolerance. The
exit status is 1 if a tolerance is exceeded, 2 if the folder is unusable.
"""
from __future__ import annotations
import argparse
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if (HERE.parents[0] / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(HERE.parents[0]))
sys.path.insert(0, str(HERE))

from parity_report import Report

import mmlangseg  # noqa: F401  provides what mmcv-lite lacks

# System: module with `check(folder, report)`.
SYSTEMS = {
    'less': 'parity_less',
    'semires': 'parity_semires',
    'tiny': 'parity_tiny'
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n', 1)[0])
    parser.add_argument('system', choices=sorted(SYSTEMS))
    parser.add_argument('folder', type=Path, help='folder of the fixtures')
    args = parser.parse_args()
    report = Report()
    try:
        importlib.import_module(SYSTEMS[args.system]).check(
            args.folder, report)
    except (FileNotFoundError, ValueError) as error:
        parser.exit(2, f'error: {error}\n')
    print(f'{report.count} comparisons, {len(report.failed)} failed')
    sys.exit(1 if report.failed else 0)


if __name__ == '__main__':
    main()
