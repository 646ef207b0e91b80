"""Convert raw ScanNet v2 scans into MMDetection3D's processed layout.

Example:
    python tools/dataset_converters/scannet.py data/scannet

reads ``data/scannet/scans`` and ``data/scannet/meta_data`` and writes
``points/``, ``instance_mask/``, ``semantic_mask/`` and
``scannet_infos_{train,val}.pkl`` beside them. Scans that are complete are
kept, so that the command can be interrupted and repeated, and a tree made by
MMDetection3D's own converter is only checked.

``--splits test`` converts the scans of the hidden test set, which have no
labels, for inference: points and alignments only. Objects that stand twice in
the annotations of a scan, as in scene0217_00, are painted once, as the first;
``duplicate_objects.json`` tells the readers of sentences.
"""
from __future__ import annotations
import argparse
import sys
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from convert_files import add_workers, run_jobs


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'raw', type=Path, help='folder with scans/ and meta_data/')
    parser.add_argument(
        '--out', type=Path, help='where to write, by default RAW')
    parser.add_argument(
        '--splits',
        nargs='+',
        default=['train', 'val'],
        help='splits; "test" may have scans without labels')
    parser.add_argument(
        '--present-only',
        action='store_true',
        help='leave out scans that have not been downloaded')
    add_workers(parser)
    return parser.parse_args(argv)


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

import numpy as np
from label_table import read_nyu40_ids
from scannet_labels import label_vertices, read_objects, read_segments
from scannet_raw import (FOLDERS, MESH, META, OBJECTS, SEGMENTS, RawScan,
                         check_files, copies_of, find_scan, num_vertices,
                         read_mesh)

from mmlangseg.less.datasets import duplicate_objects
from mmlangseg.less.scans import files as scan_files
from mmlangseg.less.scans.frame import check_alignment, read_axis_alignment

LABELS = 'scannetv2-labels.combined.tsv'


def convert_scan(scan: RawScan, out: Path, label_map: dict[str, int]) -> None:
    """Convert one scan unless it is complete."""
    size = scan_files.scan_size(out, scan.name, scan.labelled)
    if size is not None:
        if not scan.path(MESH).is_file():  # a processed tree without raw files
            return
        if size == num_vertices(scan.path(MESH)) and not has_copies(scan, out):
            return
    check_files(scan)
    points = read_mesh(scan.path(MESH))
    if not scan.labelled:
        scan_files.write_scan(out, scan.name, points)
        return
    segments = read_segments(scan.path(SEGMENTS), len(points))
    instances, semantics = label_vertices(segments,
                                          read_objects(scan.path(OBJECTS)),
                                          label_map, scan.path(OBJECTS),
                                          LABELS)
    scan_files.write_scan(out, scan.name, points, instances, semantics)


def has_copies(scan: RawScan, out: Path) -> bool:
    """Whether a converted scan is painted with copies of objects.

    Other converters let the last one of equal objects win.
    """
    copies = copies_of(scan)
    if not copies:
        return False
    path = scan_files.scan_paths(out, scan.name)[1]
    labels = np.fromfile(path, '<i8')
    return not copies.keys().isdisjoint(
        scan_files.object_ids_in(labels).tolist())


def convert_split(raw: Path, out: Path, split: str, names: Collection[str],
                  label_map: dict[str, int], workers: int) -> list[str]:
    """Convert the scans of a split and write its info file.

    Returns:
        One line per scan that failed; the info file is only written if there
        is none.
    """
    print(f'{split}: {len(names)} scans')
    scans = [find_scan(raw, out, name, split) for name in names]
    failures = run_jobs(
        convert_scan, {scan.name: (scan, out, label_map)
                       for scan in scans},
        workers,
        chunksize=1)
    path = out / f'scannet_infos_{split}.pkl'
    if not failures:
        try:
            note_copies(out, scans)
            write_split_infos(path, out, scans)
        except (OSError, ValueError) as error:
            failures = [f'{split}: {error}']
    return failures


def note_copies(out: Path, scans: list[RawScan]) -> None:
    """Keep on disk, and say, which objects are copies of others."""
    found = {
        scan.name: copies_of(scan)
        for scan in scans if scan.path(OBJECTS).is_file()
    }
    duplicate_objects.add_duplicate_objects(out, found)
    for name, copies in found.items():
        if copies:
            copy, first = next(iter(copies.items()))
            print(f'note: {name}: {len(copies)} objects stand twice in the '
                  f'annotations, for example {copy} is {first} again; the '
                  'first copy is taken')


def write_split_infos(path: Path, out: Path, scans: list[RawScan]) -> None:
    """Write an info file, or keep one that says the same already."""
    old = read_old_infos(path, out)
    alignments, unaligned = {}, []
    for scan in scans:
        meta = scan.path(META)
        if scan.name in old and not meta.is_file():
            alignments[scan.name] = old[scan.name].axis_align_matrix
            continue
        matrix = None
        if scan.labelled or meta.is_file():
            matrix = read_axis_alignment(meta)
        if matrix is None:
            unaligned.append(scan.name)
        alignments[scan.name] = np.eye(4) if matrix is None else matrix
    if unaligned:
        print(f'note: {len(unaligned)} scans have no axisAlignment and are '
              f'left as they are: {", ".join(unaligned[:5])}')
    unlabelled = [scan.name for scan in scans if not scan.labelled]
    if all(
            _agrees(old.get(scan.name), scan, alignments[scan.name])
            for scan in scans):
        print(f'{path} is complete and kept')
        return
    scan_files.write_infos(
        path, alignments, dataset='scannet', unlabelled=unlabelled)
    print(f'wrote {path}')
    if unlabelled:
        print(f'note: {len(unlabelled)} scans have no labels, as in the '
              'hidden test set: only points were written, for inference '
              f'with tools/infer.py --scan {out}/points/{unlabelled[0]}.bin')


def read_old_infos(path: Path, out: Path) -> dict[str, scan_files.ScanInfo]:
    """The usable entries of an info file that is there already."""
    try:
        infos = scan_files.read_infos(path, out)
        for info in infos.values():
            check_alignment(info.axis_align_matrix)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        print(f'note: {path} is not usable and made again: {error}')
        return {}
    return infos


def _agrees(info: scan_files.ScanInfo | None, scan: RawScan,
            alignment: np.ndarray) -> bool:
    """Whether an entry of an info file is that of the raw files."""
    return (info is not None
            and (info.instances_path is not None) == scan.labelled
            and np.allclose(info.axis_align_matrix, alignment, atol=1e-5))


def find_meta(raw: Path, name: str) -> Path:
    """Find a file in ``meta_data`` or in the root of the raw data."""
    for path in (raw / 'meta_data' / name, raw / name):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f'{raw / "meta_data" / name} is missing. It comes with ScanNet (the '
        'label table) and with its benchmark scripts (the split lists)')


def read_label_map(raw: Path, splits: list[str]) -> dict[str, int]:
    """Raw category to NYU40 id; the test set does without."""
    try:
        return read_nyu40_ids(find_meta(raw, LABELS))
    except FileNotFoundError:
        if splits == ['test']:
            return {}
        raise


def read_split(raw: Path, split: str, present_only: bool) -> list[str]:
    """Names of the scans of a split."""
    path = find_meta(raw, f'scannetv2_{split}.txt')
    scans = sorted(scan_files.read_scene_list(path))
    if present_only:
        scans = [
            scan for scan in scans
            if any((raw / name / scan).is_dir() for name in FOLDERS)
        ]
    if not scans:
        raise ValueError(f'{path}: none of its scans is in {raw / "scans"}')
    return scans


def main(argv: list[str] | None = None) -> int:
    """Run the converter; returns the exit status."""
    args = parse_args(argv)
    out = args.out or args.raw
    try:
        label_map = read_label_map(args.raw, args.splits)
        splits = {
            split: read_split(args.raw, split, args.present_only)
            for split in args.splits
        }
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    failures = []
    for split, scans in splits.items():
        failures += convert_split(args.raw, out, split, scans, label_map,
                                  args.workers)
    if failures:
        print(
            f'error: {len(failures)} failed, nothing was written for them '
            'and no info file for their split; download these files again '
            'and repeat the command:',
            *failures,
            sep='\n  ',
            file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
