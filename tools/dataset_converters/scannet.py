"""Convert raw ScanNet v2 scans into MMDetection3D's processed layout.

Example:
    python tools/dataset_converters/scannet.py data/scannet

reads ``data/scannet/scans`` and ``data/scannet/meta_data`` and writes
``points/``, ``instance_mask/``, ``semantic_mask/`` and
``scannet_infos_{train,val}.pkl`` beside them. Scans that are complete are
kept, so that the command can be interrupted and repeated, and a tree made by
MMDetection3D's own converter is only checked.
"""
from __future__ import annotations
import argparse
import csv
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import numpy as np
from mmengine.utils import ProgressBar

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.apis.scan_frame import find_axis_alignment
from mmlangseg.less.datasets import ply_files, scan_files

MESH = '{scan}_vh_clean_2.ply'
SEGMENTS = '{scan}_vh_clean_2.0.010000.segs.json'
OBJECTS = '{scan}.aggregation.json'
META = '{scan}.txt'
LABELS = 'scannetv2-labels.combined.tsv'


class ConversionError(Exception):
    """A raw file is missing or malformed; the message names it."""


def read_label_map(path: Path) -> Dict[str, int]:
    """Map ScanNet's raw categories to NYU40 ids."""
    with open(path, newline='', encoding='utf-8') as file:
        rows = csv.DictReader(file, delimiter='\t')
        try:
            return {row['raw_category']: int(row['nyu40id']) for row in rows}
        except (KeyError, TypeError, ValueError) as error:
            raise ConversionError(
                f'{path}: no usable columns "raw_category" and "nyu40id" '
                f'({error!r})') from None


def read_mesh(path: Path) -> np.ndarray:
    """Read vertex positions and colours of a PLY mesh, (N, 6) float32."""
    names = ('x', 'y', 'z', 'red', 'green', 'blue')
    try:
        points = ply_files.vertex_columns(
            ply_files.read_ply_vertices(path, names), names)
    except (OSError, ValueError) as error:
        raise ConversionError(str(error)) from None
    if not np.isfinite(points).all():
        raise ConversionError(f'{path}: coordinates are not finite')
    return points


def read_json(path: Path, key: str) -> list:
    """Read one list of a JSON file."""
    try:
        return json.loads(path.read_text(encoding='utf-8'))[key]
    except FileNotFoundError:
        raise ConversionError(f'{path} is missing') from None
    except (ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f'{path} is truncated or has no "{key}": {error!r}') from None


def read_alignment(path: Path) -> np.ndarray:
    """Read the axis alignment, identity if the scan has none."""
    try:
        numbers = find_axis_alignment(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise ConversionError(f'{path} is missing') from None
    if numbers is None:
        return np.eye(4)
    try:
        return np.array(numbers.split(), dtype=float).reshape(4, 4)
    except ValueError:
        raise ConversionError(
            f'{path}: "axisAlignment" does not hold 16 numbers') from None


def label_vertices(folder: Path, scan: str, num_vertices: int,
                   label_map: Dict[str, int]) -> Tuple[np.ndarray, ...]:
    """Paint object id + 1 and NYU40 id on the vertices.

    Objects are painted in the order of the file, later ones over earlier
    ones, as ScanNet's own tools do.

    Returns:
        Instances and semantics, both (N,) int64, 0 = none.
    """
    path = folder / SEGMENTS.format(scan=scan)
    segments = np.asarray(read_json(path, 'segIndices'))
    if segments.shape != (num_vertices, ):
        raise ConversionError(
            f'{path}: "segIndices" has {segments.size} entries, but the mesh '
            f'{num_vertices} vertices')
    order = np.argsort(segments, kind='stable')
    names, starts = np.unique(segments[order], return_index=True)
    members = dict(zip(names.tolist(), np.split(order, starts[1:])))

    path = folder / OBJECTS.format(scan=scan)
    instances = np.zeros(num_vertices, dtype=np.int64)
    semantics = np.zeros(num_vertices, dtype=np.int64)
    for group in read_json(path, 'segGroups'):
        try:
            vertices = np.concatenate([members[s] for s in group['segments']])
            instances[vertices] = int(group['objectId']) + 1
            semantics[vertices] = label_map[group['label']]
        except (KeyError, TypeError, ValueError) as error:
            raise ConversionError(
                f'{path}: object {str(group)[:60]} is not usable: '
                f'{error!r}. A segment is not in the mesh, or a label is not '
                f'in {LABELS}') from None
    return instances, semantics


def convert_scan(raw: Path, out: Path, scan: str,
                 label_map: Dict[str, int]) -> None:
    """Convert one scan unless it is complete."""
    folder = raw / 'scans' / scan
    mesh = folder / MESH.format(scan=scan)
    size = scan_files.scan_size(out, scan)
    if size is not None:
        if not mesh.is_file():  # a processed tree without its raw files
            return
        if size == num_vertices(mesh):
            return
    points = read_mesh(mesh)
    instances, semantics = label_vertices(folder, scan, len(points), label_map)
    scan_files.write_scan(out, scan, points, instances, semantics)


def num_vertices(mesh: Path) -> Optional[int]:
    """Number of vertices that the header of a PLY file states."""
    with open(mesh, 'rb') as file:
        for line in file:
            words = line.split()
            if words[:2] == [b'element', b'vertex']:
                return int(words[2])
            if words[:1] == [b'end_header']:
                break
    return None


def try_scan(*args) -> Optional[str]:
    """Convert a scan in a worker; returns the reason if it fails."""
    try:
        convert_scan(*args)
    except ConversionError as error:
        return str(error)
    except Exception as error:  # one bad scan must not stop the others
        return f'{type(error).__name__}: {error}'
    return None


def convert_split(raw: Path, out: Path, split: str, scans: List[str],
                  label_map: Dict[str, int], workers: int) -> List[str]:
    """Convert the scans of a split and write its info file.

    Returns:
        One line per scan that failed; the info file is only written if there
        is none.
    """
    print(f'{split}: {len(scans)} scans')
    failures = {}
    progress = ProgressBar(len(scans))
    with ProcessPoolExecutor(workers) as pool:
        jobs = {
            pool.submit(try_scan, raw, out, scan, label_map): scan
            for scan in scans
        }
        for job in as_completed(jobs):
            reason = job.result()
            if reason is not None:
                failures[jobs[job]] = reason
            progress.update()
    print()
    path = out / f'scannet_infos_{split}.pkl'
    if not failures:
        try:
            write_split_infos(path, raw, out, scans)
        except (ConversionError, ValueError) as error:
            failures[split] = str(error)
    return [f'{scan}: {failures[scan]}' for scan in sorted(failures)]


def write_split_infos(path: Path, raw: Path, out: Path,
                      scans: List[str]) -> None:
    """Write an info file, or keep one that covers the scans already."""
    if path.is_file():
        if set(scan_files.read_infos(path, out)) >= set(scans):
            print(f'{path} is complete and kept')
            return
    alignments = {
        scan: read_alignment(raw / 'scans' / scan / META.format(scan=scan))
        for scan in scans
    }
    scan_files.write_infos(path, alignments, dataset='scannet')
    print(f'wrote {path}')


def find_meta(raw: Path, name: str) -> Path:
    """Find a file in ``meta_data`` or in the root of the raw data."""
    for path in (raw / 'meta_data' / name, raw / name):
        if path.is_file():
            return path
    raise ConversionError(
        f'{raw / "meta_data" / name} is missing. It comes with ScanNet (the '
        'label table) and with its benchmark scripts (the split lists)')


def read_split(raw: Path, split: str, present_only: bool) -> List[str]:
    """Names of the scans of a split."""
    path = find_meta(raw, f'scannetv2_{split}.txt')
    scans = sorted(set(path.read_text(encoding='utf-8').split()))
    try:
        scans = [scan_files.check_scene_id(scan) for scan in scans]
    except ValueError as error:
        raise ConversionError(f'{path}: {error}') from None
    if present_only:
        scans = [scan for scan in scans if (raw / 'scans' / scan).is_dir()]
    if not scans:
        raise ConversionError(f'{path}: none of its scans is in '
                              f'{raw / "scans"}')
    return scans


def parse_args(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'raw', type=Path, help='folder with scans/ and meta_data/')
    parser.add_argument(
        '--out', type=Path, help='where to write, by default RAW')
    parser.add_argument(
        '--splits', nargs='+', default=['train', 'val'], help='splits')
    parser.add_argument(
        '--present-only',
        action='store_true',
        help='leave out scans that have not been downloaded')
    parser.add_argument(
        '--workers',
        type=int,
        default=os.cpu_count() or 1,
        help='number of processes, by default one per core')
    return parser.parse_args(argv)


def main(argv: Optional[List[str]] = None) -> int:
    """Run the converter; returns the exit status."""
    args = parse_args(argv)
    out = args.out or args.raw
    try:
        label_map = read_label_map(find_meta(args.raw, LABELS))
        splits = {
            split: read_split(args.raw, split, args.present_only)
            for split in args.splits
        }
    except ConversionError as error:
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
