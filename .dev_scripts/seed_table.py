"""Mean and spread of results over seeds, as a Markdown table.

    python .dev_scripts/seed_table.py \
        "all=outputs/less_toy_*.json" "L_seg=outputs/less_toy_seg_*.json"

Each argument is a row: a name and the results that ``tools/test.py --out``
wrote, one file per seed.
"""
from __future__ import annotations
import argparse
import glob
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

import numpy as np

from mmlangseg.cli.table import format_rows


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('rows', nargs='+', help='NAME=PATTERN of result files')
    parser.add_argument(
        '--metrics',
        nargs='+',
        default=['mIoU', 'Acc@0.25', 'Acc@0.5'],
        help='columns')
    return parser.parse_args()


def cell(values: list[float]) -> str:
    """Mean and, for several values, their sample standard deviation."""
    if len(values) == 1:
        return f'{values[0]:.1f}'
    return f'{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}'


def main() -> None:
    args = parse_args()
    table = [['', 'seeds', *args.metrics]]
    for row in args.rows:
        name, separator, pattern = row.partition('=')
        files = sorted(glob.glob(pattern))
        if not separator or not files:
            raise SystemExit(f'{row!r}: expected NAME=PATTERN, and at least '
                             'one file of that pattern')
        metrics = []
        for path in files:
            with open(path, encoding='utf-8-sig') as file:
                metrics.append(json.load(file)['metrics'])
        missing = set(args.metrics).difference(*metrics)
        if missing:
            raise SystemExit(
                f'{files[0]} has no {", ".join(sorted(missing))}: choose '
                f'--metrics from {", ".join(metrics[0])}')
        cells = [cell([m[key] for m in metrics]) for key in args.metrics]
        table.append([name, str(len(files)), *cells])
    print(format_rows(table, markdown=True))


if __name__ == '__main__':
    main()
