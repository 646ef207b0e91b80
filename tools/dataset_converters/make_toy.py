"""Make the toy sets.

Examples:
    python tools/dataset_converters/make_toy.py less data/less_toy

writes toy rooms as raw ScanNet scans with ScanRefer sentences, runs the
converters on them as on the real data, and adds a tiny text model.

    python tools/dataset_converters/make_toy.py semires data/semires_toy

writes toy pictures as COCO images with REFER sentences, imperfect mask
candidates, the lists of labelled and unlabelled images, and a tiny text model.

    python tools/dataset_converters/make_toy.py sseg data/sseg_toy

writes captioned toy pictures in tars, pictures with label maps, and a tiny
text model.
"""
from __future__ import annotations
import argparse
import importlib
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from mmlangseg.io.files import write_json
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


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    systems = parser.add_subparsers(
        dest='system', required=True, help='whose toy set')
    less = systems.add_parser('less', help='furnished rooms')
    semires = systems.add_parser('semires', help='cluttered pictures')
    sseg = systems.add_parser('sseg', help='captioned pictures')
    for command, num_train, num_val, what in (
        (less, 300, 30, 'rooms'),
        (semires, 200, 150, 'pictures'),
        (sseg, 8000, 400, 'pictures'),
    ):
        command.add_argument('root', type=Path, help='folder to write')
        command.add_argument(
            '--num-train',
            type=int,
            default=num_train,
            help=f'number of training {what}, default %(default)s')
        command.add_argument(
            '--num-val',
            type=int,
            default=num_val,
            help=f'number of {what} of each other split, default %(default)s')
        command.add_argument(
            '--seed', type=int, default=0, help='default %(default)s')
    for command in (semires, sseg):
        command.add_argument(
            '--size',
            type=int,
            default=64,
            help='side of the pictures in pixels, default %(default)s')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Make the toy set that is asked for; returns the exit status."""
    args = parse_args(argv)
    options = vars(args).copy()
    root = options.pop('root')
    system = options.pop('system')
    stamp = dict(system=system, **options, version=__version__)
    try:
        if not prepare(root, stamp):
            print(f'{root} is complete')
            return 0
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    # Only this system's libraries are needed.
    maker = importlib.import_module(f'toy.{system}.make')
    status = maker.make(root, **options)
    if status == 0:
        write_json(root / STAMP, stamp)
    return status


if __name__ == '__main__':
    sys.exit(main())
