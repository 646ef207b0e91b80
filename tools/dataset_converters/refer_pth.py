r"""Convert the scans that 3D-STMN, MDIN, RG-SAN or Reason3D have prepared.

Example:
    python tools/dataset_converters/refer_pth.py \
        3D-STMN/data/scannetv2/val data/stmn --split val \
        --scans data/scannet/scans

writes ``points/``, ``instance_mask/`` and ``scannet_infos_<split>.pkl`` of all
``<scene>_refer.pth`` in the folder; then scanrefer.py makes the annotations.
Their points are centered and not aligned. With ``--scans``, the folder of the
raw scans, walls are turned to x and y as ``<scene>.txt`` says.
"""
from __future__ import annotations
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, help='folder of the scans')
    parser.add_argument('data_root', type=Path, help='folder to write')
    parser.add_argument('--split', required=True, help='train, val or test')
    parser.add_argument(
        '--scans', type=Path, help='scans/ of ScanNet, for the alignment')
    return parser.parse_args(argv)


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

import numpy as np

from mmlangseg.apis import read_alignment
from mmlangseg.cli.progress import track
from mmlangseg.less.datasets.refer_pth import SUFFIX, read_refer_pth
from mmlangseg.less.scans import files as scan_files


def read_rotation(scans: Path | None, scene: str) -> np.ndarray:
    """(4, 4) float64, the turn of ``<scene>.txt`` without its shift, which is
    that of points that are not centered."""
    matrix = np.eye(4)
    if scans is not None:
        matrix[:3, :3] = read_alignment(scans / scene / f'{scene}.txt')[:3, :3]
    return matrix


def convert(source: Path, root: Path, split: str, scans: Path | None) -> int:
    """Convert all scans of a folder; returns their number."""
    files = sorted(source.glob(f'*{SUFFIX}'))
    if not files:
        raise FileNotFoundError(f'{source} has no file <scene>{SUFFIX}')
    alignments, unlabelled = {}, []
    for file in track(files, split, 'scans'):
        scene = scan_files.check_scene_id(file.name[:-len(SUFFIX)])
        scan = read_refer_pth(file)
        alignments[scene] = read_rotation(scans, scene)
        scan_files.write_scan(root, scene, scan.points, scan.instances)
        if scan.instances is None:
            unlabelled.append(scene)
    scan_files.write_infos(root / f'scannet_infos_{split}.pkl', alignments,
                           'ScanNet', unlabelled)
    return len(files)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the converter; returns the exit status."""
    args = parse_args(argv)
    try:
        count = convert(args.source, args.data_root, args.split, args.scans)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(f'wrote {count} scans to {args.data_root}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
