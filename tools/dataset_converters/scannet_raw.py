"""The raw files of a ScanNet scan."""
from __future__ import annotations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scannet_labels import find_copies, read_objects

from mmlangseg.less.scans import files as scan_files
from mmlangseg.less.scans.colors import scale_colors
from mmlangseg.less.scans.ply import (COORDINATES, find_colors,
                                      name_missing_color, read_ply,
                                      stack_properties)

MESH = '{scan}_vh_clean_2.ply'
SEGMENTS = '{scan}_vh_clean_2.0.010000.segs.json'
OBJECTS = '{scan}.aggregation.json'
META = '{scan}.txt'
FOLDERS = ('scans', 'scans_test')  # ScanNet's program downloads to these


class RawScan(NamedTuple):
    """Where the raw files of a scan lie.

    Attributes:
        name: Name of the scan.
        folder: Its folder.
        labelled: Whether it has labels, as it must outside the test set.
        split: The split that it is listed in.
    """
    name: str
    folder: Path
    labelled: bool
    split: str

    def path(self, pattern: str) -> Path:
        """One of its files."""
        return self.folder / pattern.format(scan=self.name)


def find_scan(raw: Path, out: Path, scan: str, split: str) -> RawScan:
    """Find the folder of a scan, which may not be there, and its labels.

    Args:
        raw: Folder of the raw data.
        out: Folder of the converted data, which may be all that is left.
        scan: Name of the scan.
        split: Its split; in that of the test set it may be without labels.
    """
    folders = [raw / name / scan for name in FOLDERS]
    folder = next((f for f in folders if f.is_dir()), folders[0])
    found = RawScan(scan, folder, True, split)
    labels = (found.path(SEGMENTS), found.path(OBJECTS),
              scan_files.scan_paths(out, scan)[1])
    return found._replace(labelled=split != 'test' or any(path.exists()
                                                          for path in labels))


def read_mesh(path: Path) -> np.ndarray:
    """Read vertex positions and colors of a PLY mesh, (N, 6)."""
    vertices = read_ply(path)
    colors = find_colors(vertices)
    if colors is None:
        raise ValueError(f'{path} has no vertex property '
                         f'"{name_missing_color(vertices)}". Download it '
                         'again')
    xyz = stack_properties(path, vertices, COORDINATES)
    if not np.isfinite(xyz).all():
        raise ValueError(f'{path}: coordinates are not finite. Download it '
                         'again')
    rgb = scale_colors(path, stack_properties(path, vertices, colors))
    return np.concatenate([xyz, rgb], axis=1)


def check_files(scan: RawScan) -> None:
    """Say what to do about a scan without mesh, or without labels."""
    mesh = scan.path(MESH)
    if not mesh.is_file():
        raise FileNotFoundError(
            f'{mesh} does not exist. Download it, correct the name in '
            f'scannetv2_{scan.split}.txt, or leave out what is not there '
            'with --present-only')
    missing = [scan.path(SEGMENTS), scan.path(OBJECTS)]
    if scan.labelled and not any(path.exists() for path in missing):
        raise ValueError(
            f'{scan.path(SEGMENTS)} is missing, and {scan.path(OBJECTS)}: '
            'the scan has no labels. Download them; a scan of the hidden '
            'test set has none, list it in scannetv2_test.txt only and '
            'convert it with --splits test')


def copies_of(scan: RawScan) -> dict[int, int]:
    """Objects of a scan that are copies of others."""
    path = scan.path(OBJECTS)
    return find_copies(read_objects(path)) if path.is_file() else {}


def num_vertices(mesh: Path) -> int | None:
    """Number of vertices that the header of a PLY file states."""
    with open(mesh, 'rb') as file:
        for line in file:
            words = line.split()
            if words[:2] == [b'element', b'vertex'] and len(words) == 3:
                return int(words[2]) if words[2].isdigit() else None
            if words[:1] == [b'end_header']:
                break
    return None
