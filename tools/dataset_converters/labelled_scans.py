"""Own scans with the object of each point, for own_scans.py."""
from __future__ import annotations
import argparse
from pathlib import Path

import numpy as np

from mmlangseg.io.annotations import AnnotationError
from mmlangseg.io.folder_files import list_files
from mmlangseg.less.scans import files as scan_files
from mmlangseg.less.scans import place_scan
from mmlangseg.less.scans import read_scan as read_points
from mmlangseg.less.scans.colors import gray_colors, scale_colors
from mmlangseg.less.scans.ply import (COORDINATES, find_colors,
                                      name_missing_color, read_ply,
                                      stack_properties)
from mmlangseg.less.scans.reader import LABELS

SUFFIXES = ('.ply', '.obj', '.glb', '.las', '.laz', '.e57', '.pcd')


class ScanError(ValueError):
    """A scan cannot be used; the message names file, fault and remedy."""


def read_scan(path: Path,
              args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Read and check one file, and move the scan.

    Returns:
        (N, 7) float64: x y z in meters, r g b in [0, 255], label; and the
        offset that was subtracted, (3,), meters.
    """
    if path.suffix.lower() != '.ply':
        points = read_points(path)
        labels = read_label_file(path, len(points))
        xyz, offset = place_scan(
            path, points[:, :3], args.scale, center=args.center)
        return np.column_stack([xyz, points[:, 3:], labels]), offset
    vertices = read_ply(path)
    finite = np.isfinite(stack_properties(path, vertices,
                                          COORDINATES)).all(axis=1)
    if not finite.all():
        if not (args.drop_invalid and finite.any()):
            raise ScanError(
                f'{path}: {int((~finite).sum())} of {len(vertices)} points '
                'have NaN or infinite coordinates; remove them, or pass '
                '--drop-invalid')
        vertices = vertices[finite]  # their colors may be no numbers either
    xyz = stack_properties(path, vertices, COORDINATES)
    rgb = read_colors(path, vertices, args.grey)
    labels = read_labels(path, vertices, args.label)
    xyz, offset = place_scan(path, xyz, args.scale, center=args.center)
    return np.column_stack([xyz, rgb, labels]), offset


def read_colors(path: Path, vertices: np.ndarray, gray: bool) -> np.ndarray:
    """Colors in [0, 255], (N, 3)."""
    names = find_colors(vertices)
    if names is not None:
        return scale_colors(path, stack_properties(path, vertices, names))
    if gray:
        return gray_colors(len(vertices))
    raise ScanError(
        f'{path} has no vertex property "{name_missing_color(vertices)}"; '
        'add colors, or pass --grey to do without')


def read_labels(path: Path, vertices: np.ndarray, name: str) -> np.ndarray:
    """Object labels, (N,)."""
    if name not in vertices.dtype.names:
        raise ScanError(f'{path} has no vertex property "{name}"; name the '
                        'property that holds the object with --label')
    labels = vertices[name]
    if (labels.dtype.kind not in 'iu' or (labels < 0).any()
            or (labels >= scan_files.MAX_LABEL).any()):
        raise ScanError(f'{path}: "{name}" must hold integers from 0 (0 = '
                        f'background) to below {scan_files.MAX_LABEL}')
    return labels


def read_label_file(path: Path, count: int) -> np.ndarray:
    """Object labels beside a scan whose format has none, (N,)."""
    file = path.with_name(f'{path.stem}{LABELS}')
    try:
        labels = np.load(file, mmap_mode='r', allow_pickle=False)
    except FileNotFoundError:
        raise ScanError(f'{path} needs the label of each point in {file.name} '
                        'beside it: (N,) integers') from None
    except (ValueError, EOFError, OSError) as error:
        raise ScanError(f'{file} is not an array: {error}. Write it again '
                        'with numpy.save') from None
    fits = labels.shape == (count, ) and labels.dtype.kind in 'iu'
    if not fits or not ((labels >= 0) & (labels < scan_files.MAX_LABEL)).all():
        raise ScanError(f'{file} has shape {labels.shape} and dtype '
                        f'{labels.dtype}, but must be integers from 0, one of '
                        f'each of the {count} points of {path.name}')
    return np.array(labels)


def find_scans(folder: Path) -> dict[str, Path]:
    """The file of each scene in a folder, in the order of their names."""
    found: dict[str, Path] = {}
    for path in list_files(folder, SUFFIXES):
        if path.stem in found:
            raise AnnotationError(f'{path} and {found[path.stem].name} are of '
                                  'one scene: leave one of them')
        found[path.stem] = path
    return found
