"""Make the fixtures in tests/data/parity: outputs of tiny models of this
repository.

A test compares what the code computes with them. So make them again only
where an output is meant to change, or a weight has another name or shape; and
say in the commit what moved, which ``python .dev_scripts/parity.py tiny
tests/data/parity`` prints before.
"""
from __future__ import annotations
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / '.dev_scripts')]

import mmlangseg  # noqa: F401  isort:skip  provides what mmcv-lite lacks

import parity_store
import parity_tiny

FOLDER = ROOT / 'tests/data/parity'
# With it masks are neither empty nor full, and IOM matches one image of two.
SEED = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n', 1)[0])
    parser.add_argument(
        'folder', type=Path, nargs='?', default=FOLDER, help='output')
    parser.add_argument(
        '--seed', type=int, default=SEED, help='of weights and inputs')
    args = parser.parse_args()
    systems = {
        system: parity_tiny.compute(system, args.seed)
        for system in parity_tiny.SYSTEMS
    }
    close = [
        f'{system} {line}' for system, arrays in systems.items()
        for line in parity_tiny.close_margins(arrays)
    ]
    if close:
        parser.exit(
            2, 'error: another rounding could move masks, choose another '
            f'--seed: {", ".join(close)}\n')
    parity_store.save(args.folder, systems, args.seed)


if __name__ == '__main__':
    main()
