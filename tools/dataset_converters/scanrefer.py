r"""Make annotation files from ScanRefer, Nr3D, Sr3D or Multi3DRefer.

Examples:
    python tools/dataset_converters/scanrefer.py \
        data/scanrefer/ScanRefer_filtered_val.json data/scannet --split val
    python tools/dataset_converters/scanrefer.py \
        data/referit3d/nr3d.csv data/scannet --split val

writes ``data/scannet/annotations/scanrefer_val.json`` (``nr3d_val.json``),
after checking each row against the processed scans, and prints a report. The
format is told by what is in the file: JSON of any of the four, or the CSV of
Nr3D and Sr3D.
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

from referring_formats import FORMATS, as_scanrefer, guess_format, read_rows


def parse_args(argv: list[str] | None) -> argparse.Namespace:
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
        help='format of the source, by default told by its content')
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
    args.error = parser.error
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

from label_table import OTHERS, read_scanrefer_classes
from referit3d import clean_referit3d

from mmlangseg.io.annotations import raise_faults
from mmlangseg.less.datasets import annotations as referring
from mmlangseg.less.scans import files as scan_files

# Counted in the published files: scenes, objects, expressions, unique.
PUBLISHED = {
    ('ScanRefer', 'train'): (562, 7875, 36665, 7108),
    ('ScanRefer', 'val'): (141, 2068, 9508, 1845),
}


def add_unique_groups(rows: list[dict], classes: dict[str, str]) -> None:
    """Add 'unique' or 'multiple' to the groups of single-target rows.

    ScanRefer's rule: unique if the object is the only *annotated* one of its
    class (of 18) in the scene, within the file.

    Args:
        rows: Rows with one target each.
        classes: Raw category to class; names that are not there are "others".
    """

    def class_of(row: dict) -> str:
        return classes.get(row['object_name'].replace('_', ' '), OTHERS)

    objects = {(row['scene_id'], row['object_ids'][0], class_of(row))
               for row in rows}
    counts = Counter((scene, name) for scene, _, name in objects)
    for row in rows:
        unique = counts[row['scene_id'], class_of(row)] == 1
        row['groups'] = ['unique' if unique else 'multiple', *row['groups']]


def clean_scanrefer(path: Path, rows: list) -> list[dict]:
    """Check rows of ScanRefer; a key ``groups`` is kept if there is one."""
    rows = referring.clean_rows(
        [as_scanrefer(row) if isinstance(row, dict) else row for row in rows],
        path)
    raise_faults(path, [
        f'row {i}: it has {len(row["object_ids"])} targets, but ScanRefer '
        'has one; use --format multi3drefer'
        for i, row in enumerate(rows) if len(row['object_ids']) != 1
    ])
    return rows


def clean_multi3drefer(path: Path, rows: list) -> list[dict]:
    """Check rows of Multi3DRefer; the group is their evaluation type.

    Types: zt (no target), st (one), mt (several), with (w_d) or without
    (wo_d) distractors.
    """
    raise_faults(path, [
        f'row {i}: "{key}" is missing' for i, row in enumerate(rows)
        for key in ('object_ids', 'eval_type')
        if isinstance(row, dict) and key not in row
    ])
    return referring.clean_rows([
        dict(row, groups=[row['eval_type']]) if isinstance(row, dict) else row
        for row in rows
    ], path)


def check_scans(path: Path, rows: list[dict], infos: dict[str,
                                                          scan_files.ScanInfo],
                data_root: Path, info_file: Path) -> list[dict]:
    """Check that the scans and the objects of all rows exist.

    Copies of objects become the first ones. Rows about objects without points
    are left out, with a warning, lest one scan take the others along.

    Returns:
        The rows that can be used.
    """
    by_scene: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        by_scene.setdefault(row['scene_id'], []).append(index)
    missing, faults, empty = [], {}, set()
    copies: Counter = Counter()
    for scene, indices in by_scene.items():
        size = scan_files.scan_size(data_root, scene)
        if scene not in infos or size is None:
            missing.append(f'row {indices[0]}: scene {scene!r} is not in '
                           f'{info_file}, or without labels; convert it with '
                           'scannet.py')
            continue
        labels = scan_files.read_instances(
            scan_files.scan_paths(data_root, scene)[1], size)
        present = set(scan_files.object_ids_in(labels).tolist())
        for index in indices:
            ids = rows[index]['object_ids']
            first = infos[scene].first_ids(ids)
            copies[scene] += first != ids
            rows[index]['object_ids'] = first
            absent = set(first) - present
            if absent:
                empty.add(scene)
                faults[index] = (f'row {index}: object_id {min(absent)} has '
                                 f'no points in scene {scene}')
    raise_faults(path, missing)
    if len(faults) == len(rows):
        raise_faults(path, list(faults.values()))
    for scene in +copies:
        print(f'note: {copies[scene]} rows of {scene} name copies of objects, '
              'which stand twice there; they mean the first ones')
    if faults:
        print(
            f'warning: {path}: {len(faults)} of {len(rows)} rows are left '
            f'out, for their objects have no points ({len(empty)} scenes); '
            'compare object_id with the instance mask, or convert these '
            'scans again with scannet.py:',
            *list(faults.values())[:10],
            sep='\n  ',
            file=sys.stderr)
    return [row for index, row in enumerate(rows) if index not in faults]


def report(name: str, split: str, rows: list[dict]) -> list[str]:
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


def convert(args: argparse.Namespace) -> None:
    """Read, check, report and write."""
    rows = read_source(args)
    info_file = args.info_file or (args.data_root /
                                   f'scannet_infos_{args.split}.pkl')
    infos = scan_files.read_infos(info_file, args.data_root)
    if args.format == 'scanrefer':
        rows = clean_scanrefer(args.source, rows)
    elif args.format == 'multi3drefer':
        rows = clean_multi3drefer(args.source, rows)
    else:
        rows, dropped = clean_referit3d(args.source, rows, infos,
                                        args.all_rows)
        if dropped:
            print(f'left out {dropped} utterances that do not name the '
                  'class of the target (--all-rows keeps them)')
        unknown = sum(not {'easy', 'hard'} & set(row['groups'])
                      for row in rows)
        if unknown:
            print(f'note: {unknown} rows have no stimulus_id, so that they '
                  'are neither "easy" nor "hard" in the results')
    usable = check_scans(args.source, rows, infos, args.data_root, info_file)
    if args.format == 'scanrefer':
        table = args.label_table or (args.data_root / 'meta_data' /
                                     'scannetv2-labels.combined.tsv')
        # objects without points are annotated, too
        add_unique_groups(rows, read_scanrefer_classes(table))
    rows = usable
    name = args.name or FORMATS[args.format]
    out = args.out or (args.data_root / 'annotations' /
                       f'{args.format}_{args.split}.json')
    referring.write_annotations(out, dict(dataset=name, split=args.split),
                                rows)
    print(*report(name, args.split, rows), f'wrote {out}', sep='\n')


def read_source(args: argparse.Namespace) -> list:
    """Read the rows, and tell their format unless it is given."""
    named = any(key in args.source.name.lower() for key in FORMATS)
    if args.format is None and not named and not args.source.is_file():
        args.error(f'{args.source} does not exist; name its format with '
                   '--format if its name is right')
    rows = read_rows(args.source)
    args.format = args.format or guess_format(args.source, rows)
    if args.format is None:
        args.error(f'cannot tell the format of {args.source} by its fields, '
                   'name it with --format')
    return rows


def main(argv: list[str] | None = None) -> int:
    """Run the converter; returns the exit status."""
    try:
        convert(parse_args(argv))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
