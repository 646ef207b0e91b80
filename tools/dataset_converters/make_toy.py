"""Make the toy sets.

Example:
    python tools/dataset_converters/make_toy.py less data/less_toy

writes toy rooms as raw ScanNet scans with ScanRefer sentences, runs the
converters on them as on the real data, and adds a tiny text model.
"""
from __future__ import annotations
import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import List, Optional

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import scannet
import scanrefer

from mmlangseg.fileio import write_json
from mmlangseg.toy import scannet_files
from mmlangseg.toy.text_model import write_text_model
from mmlangseg.version import __version__

STAMP = 'toy.json'


def prepare(root: Path, options: dict) -> bool:
    """Make room for a toy set.

    Returns:
        False if the same set is there already.

    Raises:
        ValueError: The folder holds something that is not a toy set.
    """
    stamp = root / STAMP
    if stamp.is_file():
        if json.loads(stamp.read_text(encoding='utf-8')) == options:
            return False
        shutil.rmtree(root)
    elif root.is_dir() and any(root.iterdir()):
        raise ValueError(f'{root} holds other files: name a new folder')
    # An unfinished set carries a stamp without options.
    write_json(stamp, {})
    return True


def make_less(root: Path, num_train: int, num_val: int, seed: int) -> int:
    """Make the toy set of LESS; returns the exit status."""
    print(f'writing {num_train} + {num_val} rooms to {root}')
    scannet_files.write_toy_scannet(root, num_train, num_val, seed)
    commands = [(scannet.main, [str(root)])]
    for split in ('train', 'val'):
        source = root / f'ScanRefer_filtered_{split}.json'
        commands.append((scanrefer.main, [
            str(source),
            str(root), '--split', split, '--name', 'ToyScanRefer'
        ]))
    for main, arguments in commands:
        script = f'tools/dataset_converters/{main.__module__}.py'
        print('\n$ python', script, *arguments)
        status = main(arguments)
        if status:
            return status
    sentences = scannet_files.read_sentences(root /
                                             'ScanRefer_filtered_train.json')
    write_text_model(root / 'text_model', sentences, seed=seed)
    print(f'\nwrote {root / "text_model"}')
    return 0


def parse_args(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('system', choices=['less'], help='whose toy set')
    parser.add_argument('root', type=Path, help='folder to write')
    parser.add_argument(
        '--num-train', type=int, default=150, help='number of training rooms')
    parser.add_argument(
        '--num-val', type=int, default=30, help='number of validation rooms')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args(argv)


def main(argv: Optional[List[str]] = None) -> int:
    """Make the toy set that is asked for; returns the exit status."""
    args = parse_args(argv)
    options = dict(
        system=args.system,
        num_train=args.num_train,
        num_val=args.num_val,
        seed=args.seed,
        version=__version__)
    try:
        if not prepare(args.root, options):
            print(f'{args.root} is complete')
            return 0
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    status = make_less(args.root, args.num_train, args.num_val, args.seed)
    if status == 0:
        write_json(args.root / STAMP, options)
    return status


if __name__ == '__main__':
    sys.exit(main())
