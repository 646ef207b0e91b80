"""Make annotation files from ScanRefer, Nr3D, Sr3D or Multi3DRefer.

Examples:
    python tools/dataset_converters/scanrefer.py \
        data/scanrefer/ScanRefer_filtered_val.json data/scannet --split val
    python tools/dataset_converters/scanrefer.py \
        data/referit3d/nr3d.csv data/scannet --split val

writes ``data/scannet/annotations/scanrefer_val.json`` (``nr3d_val.json``),
after checking each row against the processed scans, and prints a report.
"""
from __future__ import annotations
import argparse
import ast
import csv
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.annotation_files import AnnotationError, load_json, raise_faults
from mmlangseg.less.datasets import annotations, scan_files
from mmlangseg.text import split_words

FORMATS = dict(
    scanrefer='ScanRefer',
    nr3d='Nr3D',
    sr3d='Sr3D',
    multi3drefer='Multi3DRefer')

# ScanRefer's benchmark classes; everything else is "others".
CLASSES = ('cabinet', 'bed', 'chair', 'sofa', 'table', 'door', 'window',
           'bookshelf', 'picture', 'counter', 'desk', 'curtain',
           'refrigerator', 'shower curtain', 'toilet', 'sink', 'bathtub')

# Counted in the published files: scenes, objects, expressions, unique.
PUBLISHED = {
    ('ScanRefer', 'train'): (562, 7875, 36665, 7108),
    ('ScanRefer', 'val'): (141, 2068, 9508, 1845),
}


def read_classes(path: Path) -> Dict[str, str]:
    """Map ScanNet's raw categories to ScanRefer's 18 classes."""
    try:
        with open(path, newline='', encoding='utf-8') as file:
            return {
                row['raw_category']:
                row['nyu40class'] if row['nyu40class'] in CLASSES else 'others'
                for row in csv.DictReader(file, delimiter='\t')
            }
    except FileNotFoundError:
        raise AnnotationError(
            f'{path} does not exist. It comes with ScanNet; name it with '
            '--label-table') from None
    except KeyError as error:
        raise AnnotationError(f'{path} has no column {error}') from None


def add_unique_groups(rows: List[dict], classes: Dict[str, str]) -> None:
    """Add 'unique' or 'multiple' to the groups of single-target rows.

    ScanRefer's rule: unique if the object is the only *annotated* one of its
    class (of 18) in the scene, within the file.
    """

    def class_of(row: dict) -> str:
        return classes.get(row['object_name'].replace('_', ' '), 'others')

    objects = {(row['scene_id'], row['object_ids'][0], class_of(row))
               for row in rows}
    counts = Counter((scene, name) for scene, _, name in objects)
    for row in rows:
        unique = counts[row['scene_id'], class_of(row)] == 1
        row['groups'] = ['unique' if unique else 'multiple', *row['groups']]


def read_scanrefer(path: Path) -> List[dict]:
    """Read ScanRefer's JSON; a key ``groups`` is kept if there is one."""
    rows = _json_rows(path)
    rows = annotations.clean_rows(rows, path)
    raise_faults(path, [
        f'row {i}: it has {len(row["object_ids"])} targets, but ScanRefer '
        'has one; use --format multi3drefer'
        for i, row in enumerate(rows) if len(row['object_ids']) != 1
    ])
    return rows


def read_multi3drefer(path: Path) -> List[dict]:
    """Read Multi3DRefer's JSON; the group is its evaluation type.

    Types: zt (no target), st (one), mt (several), with (w_d) or without
    (wo_d) distractors.
    """
    rows = _json_rows(path)
    raise_faults(path, [
        f'row {i}: "{key}" is missing' for i, row in enumerate(rows)
        for key in ('object_ids', 'eval_type')
        if isinstance(row, dict) and key not in row
    ])
    return annotations.clean_rows([
        dict(row, groups=[row['eval_type']]) if isinstance(row, dict) else row
        for row in rows
    ], path)


def _json_rows(path: Path) -> list:
    rows = load_json(path)
    if not isinstance(rows, list) or not rows:
        raise AnnotationError(f'{path} is not a non-empty list of rows')
    return rows


def read_referit3d(path: Path, scenes: Iterable[str],
                   all_rows: bool) -> Tuple[List[dict], int]:
    """Read the CSV of Nr3D or Sr3D.

    Groups: easy or hard (more than two objects of the class in the scene),
    view_dependent or view_independent (ReferIt3D's list of words).

    Args:
        path: The file; it holds the scenes of all splits.
        scenes: Scenes to keep.
        all_rows: Keep utterances that do not name the target's class, which
            ReferIt3D's protocol leaves out.

    Returns:
        The rows, and how many of these scenes were left out.
    """
    scenes = set(scenes)
    rows, faults, dropped = [], [], 0
    try:
        file = open(path, newline='', encoding='utf-8')
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist') from None
    with file:
        reader = csv.DictReader(file)
        needed = ('scan_id', 'stimulus_id', 'target_id', 'utterance',
                  'instance_type')
        absent = [n for n in needed if n not in (reader.fieldnames or ())]
        if absent:
            raise AnnotationError(f'{path} has no column "{absent[0]}"')
        for index, item in enumerate(reader):
            if item['scan_id'] not in scenes:
                continue
            mentions = item.get('mentions_target_class') or 'true'
            if mentions.lower() != 'true' and not all_rows:
                dropped += 1
                continue
            try:
                rows.append(_referit3d_row(item, index))
            except (ValueError, SyntaxError) as error:
                faults.append(f'row {index}: {error}')
    raise_faults(path, faults)
    if not rows:
        raise AnnotationError(f'{path} has no row of these scans: is it the '
                              'right split?')
    return annotations.clean_rows(rows, path), dropped


def _referit3d_row(item: Dict[str, str], index: int) -> dict:
    # scene-class-number of such objects-target-distractors...
    parts = item['stimulus_id'].split('-')
    if len(parts) < 4 or not parts[2].isdigit():
        raise ValueError(f'"stimulus_id" {item["stimulus_id"]!r} is malformed')
    token = split_words(item['utterance'])
    if item.get('tokens'):
        token = [str(word) for word in ast.literal_eval(item['tokens'])]
    view = bool(set(annotations.VIEW_WORDS) & set(token))
    return dict(
        scene_id=item['scan_id'],
        object_id=item['target_id'],
        object_name=item['instance_type'].replace(' ', '_'),
        ann_id=str(item.get('assignmentid') or index),
        description=item['utterance'],
        token=token,
        groups=[
            'hard' if int(parts[2]) > 2 else 'easy',
            'view_dependent' if view else 'view_independent'
        ])


def check_scans(path: Path, rows: List[dict], data_root: Path,
                info_file: Path) -> None:
    """Check that the scans and the objects of all rows exist."""
    infos = scan_files.read_infos(info_file, data_root)
    by_scene: Dict[str, List[int]] = {}
    for index, row in enumerate(rows):
        by_scene.setdefault(row['scene_id'], []).append(index)
    faults = []
    for scene, indices in by_scene.items():
        size = scan_files.scan_size(data_root, scene)
        if scene not in infos or size is None:
            faults.append(f'row {indices[0]}: scene {scene!r} is not in '
                          f'{info_file}; convert it with scannet.py')
            continue
        labels = scan_files.read_instances(infos[scene].instances_path, size)
        present = set(scan_files.object_ids_in(labels).tolist())
        for index in indices:
            absent = set(rows[index]['object_ids']) - present
            if absent:
                faults.append(f'row {index}: object_id {min(absent)} has no '
                              f'points in scene {scene}')
    raise_faults(path, faults)


def report(name: str, split: str, rows: List[dict]) -> List[str]:
    """Lines that say what is in the rows and what differs from the paper."""
    scenes = {row['scene_id'] for row in rows}
    objects = {(row['scene_id'], i) for row in rows for i in row['object_ids']}
    groups = Counter(group for row in rows for group in row['groups'])
    lines = [
        f'{name} {split}: {len(scenes)} scenes, {len(objects)} objects, '
        f'{len(rows)} expressions',
        '  ' + ', '.join(f'{group} {count}' for group, count in groups.items())
    ]
    keys = Counter((row['scene_id'], tuple(row['object_ids']), row['ann_id'])
                   for row in rows)
    repeated = sum(count > 1 for count in keys.values())
    if repeated:
        lines.append(f'  warning: {repeated} times the same scene, object '
                     'and ann_id occur more than once')
    if (name, split) in PUBLISHED:
        found = (len(scenes), len(objects), len(rows), groups['unique'])
        labels = ('scenes', 'objects', 'expressions', 'unique')
        differences = [
            f'{label} {a} instead of {b}'
            for label, a, b in zip(labels, found, PUBLISHED[name, split])
            if a != b
        ]
        lines.append('  differs from the published set: ' +
                     ', '.join(differences)
                     if differences else '  equals the published set')
    return lines


def parse_args(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, help='JSON or CSV file')
    parser.add_argument(
        'data_root', type=Path, help='root of the processed scans')
    parser.add_argument('--split', required=True, help='train or val')
    parser.add_argument(
        '--format',
        choices=sorted(FORMATS),
        help='format of the source, by default guessed from its name')
    parser.add_argument(
        '--name', help='name of the data set, by default that of the format')
    parser.add_argument('--out', type=Path, help='annotation file to write')
    parser.add_argument(
        '--info-file',
        type=Path,
        help='by default DATA_ROOT/scannet_infos_SPLIT.pkl')
    parser.add_argument(
        '--label-table',
        type=Path,
        help='by default DATA_ROOT/meta_data/scannetv2-labels.combined.tsv')
    parser.add_argument(
        '--all-rows',
        action='store_true',
        help='Nr3D, Sr3D: keep utterances that do not name the class')
    args = parser.parse_args(argv)
    if args.format is None:
        name = args.source.name.lower()
        found = [key for key in FORMATS if key in name]
        if not found:
            parser.error(f'cannot guess the format of {args.source}, name it '
                         'with --format')
        args.format = found[0]
    return args


def convert(args: argparse.Namespace) -> None:
    """Read, check, report and write."""
    info_file = args.info_file or (args.data_root /
                                   f'scannet_infos_{args.split}.pkl')
    if args.format == 'scanrefer':
        rows = read_scanrefer(args.source)
        table = args.label_table or (args.data_root / 'meta_data' /
                                     'scannetv2-labels.combined.tsv')
        add_unique_groups(rows, read_classes(table))
    elif args.format == 'multi3drefer':
        rows = read_multi3drefer(args.source)
    else:
        scenes = scan_files.read_infos(info_file, args.data_root)
        rows, dropped = read_referit3d(args.source, scenes, args.all_rows)
        if dropped:
            print(f'left out {dropped} utterances that do not name the '
                  'class of the target (--all-rows keeps them)')
    check_scans(args.source, rows, args.data_root, info_file)
    name = args.name or FORMATS[args.format]
    out = args.out or (args.data_root / 'annotations' /
                       f'{args.format}_{args.split}.json')
    annotations.write_annotations(out, dict(dataset=name, split=args.split),
                                  rows)
    print(*report(name, args.split, rows), f'wrote {out}', sep='\n')


def main(argv: Optional[List[str]] = None) -> int:
    """Run the converter; returns the exit status."""
    try:
        convert(parse_args(argv))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
