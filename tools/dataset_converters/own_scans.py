"""Convert your own scans and sentences.

Example:
    python tools/dataset_converters/own_scans.py my_scans data/my_scans

reads from ``my_scans``

- ``<scene>.ply``: vertices x, y, z in meters (z up), red, green, blue and an
  integer label per point, 0 = background, otherwise the object; or
  ``<scene>.obj``, ``.glb``, ``.las``, ``.laz``, ``.e57`` (valid points) or
  ``.pcd`` with the labels in ``<scene>.labels.npy``;
- ``referring.json``: list of rows in ScanRefer's schema with ``scene_id``,
  ``object_id`` (the label; or ``object_ids``, a list), ``ann_id``,
  ``description`` and maybe ``object_name``, ``token``, ``kind``;
- ``train.txt``, ``val.txt``: scene names, one per line;

and writes processed scans, ``infos_<split>.pkl``,
``annotations/<split>.json`` and ``offsets.json``. ``kind`` becomes the group
by which results are reported.

Coordinates are inputs of the network. Each scan is moved to where inference
moves a scan, too: the middle of its box to x = y = 0, the floor (a low
percentile of z) to z = 0. ``offsets.json`` holds what was subtracted from the
meters of each scan. ``--no-center`` leaves the scans where they are; give it
to tools/infer.py and tools/demo_app.py as well.

All faults are listed at the end; until they are gone neither infos nor
annotations are written.
"""
from __future__ import annotations
import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, help='folder of the scans')
    parser.add_argument('out', type=Path, help='data root to write')
    parser.add_argument(
        '--annotations', type=Path, help='by default SOURCE/referring.json')
    parser.add_argument(
        '--splits',
        nargs='+',
        help='names of lists SOURCE/<split>.txt, by default those of train, '
        'val and test that exist')
    parser.add_argument('--name', help='name of the data set')
    parser.add_argument(
        '--label',
        default='label',
        help='vertex property that holds the object')
    parser.add_argument(
        '--scale', type=float, default=1.0, help='factor to meters')
    parser.add_argument(
        '--grey', action='store_true', help='accept scans without colors')
    parser.add_argument(
        '--no-center',
        dest='center',
        action='store_false',
        help='leave the scans where they are')
    parser.add_argument(
        '--drop-invalid',
        action='store_true',
        help='drop points with NaN or infinite coordinates')
    return parser.parse_args(argv)


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

import numpy as np
from labelled_scans import find_scans, read_scan

from mmlangseg.cli.progress import track
from mmlangseg.io.annotations import AnnotationError, load_json
from mmlangseg.io.files import write_json
from mmlangseg.less.datasets import annotations as referring
from mmlangseg.less.scans import files as scan_files

FEW_POINTS = 10


def check_targets(rows: list[dict], counts: Counter,
                  source: Path) -> list[str]:
    """Faults of the rows of one scan.

    Args:
        rows: Rows of the scan.
        counts: Number of points of each label.
        source: Annotation file, for the messages.
    """
    faults = []
    known = ', '.join(str(label) for label in sorted(counts) if label)
    for row in rows:
        where = f'{source}: scene {row["scene_id"]}, ann_id {row["ann_id"]}'
        for object_id in row['object_ids']:
            if object_id == 0:
                faults.append(f'{where}: object_id 0 is the background')
            elif not counts[object_id]:
                faults.append(
                    f'{where}: no point has label {object_id}; the labels '
                    f'of the scan are {known or "all 0"}')
    return faults


def read_rows(path: Path) -> list[dict]:
    """Read ``referring.json``; ``kind`` becomes the group."""
    rows = load_json(path)
    if not isinstance(rows, list) or not rows:
        raise AnnotationError(f'{path} is not a non-empty list of rows')
    return referring.clean_rows([
        dict(row, groups=[row['kind']])
        if isinstance(row, dict) and 'kind' in row else row for row in rows
    ], path)


def read_splits(source: Path, names: list[str] | None,
                known: list[str]) -> dict[str, list[str]]:
    """Read the lists of scenes; a scene may be in one split only."""
    if not names:
        names = [
            name for name in ('train', 'val', 'test')
            if (source / f'{name}.txt').is_file()
        ]
    if not names:
        raise AnnotationError(f'{source} has no train.txt or val.txt: list '
                              'the scenes of each split, one per line')
    splits: dict = {}
    owner: dict = {}
    for name in names:
        path = source / f'{name}.txt'
        splits[name] = scan_files.read_scene_list(path)
        if not splits[name]:
            raise AnnotationError(f'{path} is empty')
        for scene in splits[name]:
            if scene not in known:
                raise AnnotationError(
                    f'{path}: scene {scene!r} has no {scene}.ply')
            if owner.setdefault(scene, name) != name:
                raise AnnotationError(f'{path}: scene {scene!r} is in '
                                      f'{owner[scene]}.txt already')
    return splits


def convert(args: argparse.Namespace) -> list[str]:
    """Convert everything; returns the faults."""
    source = args.annotations or args.source / 'referring.json'
    rows = read_rows(source)
    files = find_scans(args.source)
    known = list(files)
    splits = read_splits(args.source, args.splits, known)
    by_scene: dict[str, list[dict]] = {scene: [] for scene in known}
    for row in rows:
        if row['scene_id'] not in by_scene:
            raise AnnotationError(f'{source}: scene {row["scene_id"]!r} has '
                                  f'no {row["scene_id"]}.ply')
        by_scene[row['scene_id']].append(row)

    faults, notes, offsets = [], [], {}
    used = [scene for scenes in splits.values() for scene in scenes]
    for scene in track(used, 'converting', 'scans'):
        try:
            scan, offset = read_scan(files[scene], args)
        except (OSError, ValueError, ImportError) as error:
            faults.append(str(error))
        else:
            offsets[scene] = offset.tolist()
            labels = scan[:, 6].astype(np.int64)
            counts = Counter(labels.tolist())
            faults += check_targets(by_scene[scene], counts, source)
            notes += notes_on(scene, by_scene[scene], counts)
            # objectId = label, and the mask holds objectId + 1.
            scan_files.write_scan(args.out, scene, scan[:, :6],
                                  np.where(labels > 0, labels + 1, 0))
    unused = sorted(set(known) - set(used))
    if unused:
        notes.append(f'{len(unused)} scans are in no split: '
                     f'{", ".join(unused[:5])}')
    for note in notes:
        print(f'note: {note}')
    if not faults:
        write_splits(args.out, args.name or args.source.name, splits, by_scene)
        write_json(args.out / 'offsets.json',
                   dict(old_offsets(args.out, known), **offsets))
        print(describe_frame(offsets, args.center))
    return faults


def old_offsets(out: Path, known: list[str]) -> dict[str, list[float]]:
    """Offsets of scans of other splits, converted by another call."""
    path = out / 'offsets.json'
    try:
        content = load_json(path)
    except FileNotFoundError:
        return {}
    if not isinstance(content, dict):
        raise AnnotationError(f'{path} is not an object; delete it')
    return {scene: content[scene] for scene in known if scene in content}


def describe_frame(offsets: dict[str, list[float]], center: bool) -> str:
    """A line about where the converted scans are."""
    if not center:
        return ('frame: that of the files; pass --no-center to tools/infer.py '
                'and tools/demo_app.py')
    farthest = np.abs(list(offsets.values())).max(0)
    return ('frame: middle of each scan at x = y = 0, floor at z = 0; moved '
            'by up to {:.2f}, {:.2f}, {:.2f} m, see offsets.json'.format(
                *farthest))


def notes_on(scene: str, rows: list[dict], counts: Counter) -> list[str]:
    """What is allowed but probably not meant."""
    targets = {i for row in rows for i in row['object_ids']}
    notes = [
        f'{scene}: object {i} has only {counts[i]} points'
        for i in sorted(targets) if 0 < counts[i] < FEW_POINTS
    ]
    keys = {(tuple(row['object_ids']), row['ann_id']) for row in rows}
    if len(keys) < len(rows):
        notes.append(
            f'{scene}: {len(rows) - len(keys)} sentences have objects and '
            'ann_id of others, so that one picture is written for both and '
            'predictions cannot be told apart: number them by ann_id')
    return notes if rows else [f'{scene} has no sentences']


def write_splits(out: Path, name: str, splits: dict[str, list[str]],
                 by_scene: dict[str, list[dict]]) -> None:
    """Write info and annotation files."""
    for split, scenes in splits.items():
        rows = [row for scene in scenes for row in by_scene[scene]]
        scan_files.write_infos(out / f'infos_{split}.pkl',
                               {scene: np.eye(4)
                                for scene in scenes}, name)
        referring.write_annotations(out / 'annotations' / f'{split}.json',
                                    dict(dataset=name, split=split), rows)
        groups = Counter(group for row in rows for group in row['groups'])
        print(
            f'{split}: {len(scenes)} scans, {len(rows)} sentences',
            *[f'{group} {count}' for group, count in groups.items()],
            sep=', ')


def main(argv: list[str] | None = None) -> int:
    """Run the converter; returns the exit status."""
    try:
        faults = convert(parse_args(argv))
    except (OSError, ValueError) as error:
        faults = [str(error)]
    if faults:
        shown = faults[:20]
        if len(faults) > 20:
            shown.append(f'... and {len(faults) - 20} more')
        print('error:', *shown, sep='\n  ', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
