"""Own scans with the object of each point, for own_scans.py."""
from __future__ import annotations
import argparse
from pathlib import Path

import numpy as np

from mmlangseg.io.annotations import AnnotationError
from mmlangseg.io.folder_files import list_files
from mmlangseg.less.scans import files as scan_files
from mmlangseg.less.scans import place_scan
from mmlangseg.less.scans.colors import gray_colors, scale_colors
from mmlangseg.less.scans.ply import (COORDINATES, find_colors,
                                      name_missing_color, read_ply,
                                      stack_properties)
from mmlangseg.less.scans.reader import LABELS, read_raw

_NO_COLORS = 'add colors, or pass --grey to do without'
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
    vertices = read_ply(path) if path.suffix.lower() == '.ply' else None
    if vertices is None:
        xyz, rgb = read_raw(path)
    else:
        xyz = stack_properties(path, vertices, COORDINATES)
        rgb = read_colors(path, vertices, args.grey)
    valid = np.isfinite(xyz).all(axis=1)
    if not valid.all() and not (args.drop_invalid and valid.any()):
        raise ScanError(
            f'{path}: {int((~valid).sum())} of {len(xyz)} points '
            'have NaN or infinite coordinates; remove them, or pass '
            '--drop-invalid')
    labels = read_label_file(path, valid) if vertices is None else \
        read_labels(path, vertices[valid], args.label)
    if rgb is not None:  # of points to be dropped they may be no numbers
        rgb = scale_colors(path, rgb[valid])
    elif args.grey:
        rgb = gray_colors(len(labels))
    else:
        raise ScanError(f'{path} has no colors; {_NO_COLORS}')
    xyz, offset = place_scan(path, xyz[valid], args.scale, center=args.center)
    return np.column_stack([xyz, rgb, labels]), offset


def read_colors(path: Path, vertices: np.ndarray,
                gray: bool) -> np.ndarray | None:
    """Colors as they stand in a PLY, (N, 3), None if it may be without."""
    names = find_colors(vertices)
    if names is not None:
        return stack_properties(path, vertices, names)
    if gray:
        return None
    raise ScanError(f'{path} has no vertex property '
                    f'"{name_missing_color(vertices)}"; {_NO_COLORS}')


def read_labels(path: Path, vertices: np.ndarray, name: str) -> np.ndarray:
    """Object labels of a PLY, (N,)."""
    if name not in vertices.dtype.names:
        raise ScanError(f'{path} has no vertex property "{name}"; name the '
                        'property that holds the object with --label')
    labels = vertices[name]
    if (labels.dtype.kind not in 'iu' or (labels < 0).any()
            or (labels >= scan_files.MAX_LABEL).any()):
        raise ScanError(f'{path}: "{name}" must hold integers from 0 (0 = '
                        f'background) to below {scan_files.MAX_LABEL}')
    return labels


def read_label_file(path: Path, valid: np.ndarray) -> np.ndarray:
    """Object labels beside a scan whose format has none, of its valid points,
    bool (N,)."""
    file = path.with_name(f'{path.stem}{LABELS}')
    try:
        labels = np.load(file, mmap_mode='r', allow_pickle=False)
    except FileNotFoundError:
        raise ScanError(f'{path} needs the label of each point in {file.name} '
                        'beside it: (N,) integers') from None
    except (ValueError, EOFError, OSError) as error:
        raise ScanError(f'{file} is not an array: {error}. Write it again '
                        'with numpy.save') from None
    fits = labels.shape == valid.shape and labels.dtype.kind in 'iu'
    found = np.array(labels)[valid] if fits else labels
    if not fits or not ((found >= 0) & (found < scan_files.MAX_LABEL)).all():
        raise ScanError(f'{file} has shape {labels.shape} and dtype '
                        f'{labels.dtype}, but must be integers from 0, one of '
                        f'each of the {len(valid)} points of {path.name}')
    return found


def find_scans(folder: Path) -> dict[str, Path]:
    """The file of each scene in a folder, in the order of their names."""
    found: dict[str, Path] = {}
    for path in list_files(folder, SUFFIXES):
        if path.stem in found:
            raise AnnotationError(f'{path} and {found[path.stem].name} are of '
                                  'one scene: leave one of them')
        found[path.stem] = path
    return found
