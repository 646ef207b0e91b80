"""Scans of surveyors as E57, in which a file may hold several."""
from __future__ import annotations
from pathlib import Path

import numpy as np

from .colors import gray_colors

_AXES = ('cartesianX', 'cartesianY', 'cartesianZ')
_ANGLES = ('sphericalRange', 'sphericalAzimuth', 'sphericalElevation')
_COLORS = ('colorRed', 'colorGreen', 'colorBlue')
_INVALID = ('cartesianInvalidState', 'sphericalInvalidState')


def read_e57(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the points of all scans in an E57 file, each moved by its pose.

    Args:
        path: ``.e57``.

    Returns:
        tuple: (N, 3) float64 x, y, z in the frame of the file, such as meters
        in UTM, without the points that the scanner calls invalid; and (N, 3)
        red, green, blue from 0 to 255, or None if no scan has colors. A scan
        without them beside others that have some is grey.

    Raises:
        ImportError: pye57 is not installed.
        ValueError: The file is damaged, or has no scan with points.
    """
    try:
        import pye57
    except ImportError:
        raise ImportError(f'{path}: E57 is read with pye57, which is not '
                          'installed: pip install pye57') from None
    try:
        with pye57.E57(str(path)) as file:
            scans = [_read(file, i, path) for i in range(file.scan_count)]
        if not scans:
            raise ValueError('there is no scan in it')
    except Exception as error:  # the library raises types of its own
        reason = str(error).strip().split('\n', 1)[0] or type(error).__name__
        raise ValueError(f'{path} is not an E57 file that can be read: '
                         f'{reason}. Export it again') from error
    xyz = np.concatenate([each for each, _ in scans])
    if all(rgb is None for _, rgb in scans):
        return xyz, None
    return xyz, np.concatenate([
        gray_colors(len(each)) if rgb is None else rgb for each, rgb in scans
    ])


def _read(file, index: int,
          path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The valid points of one scan in the frame of the file, and colors."""
    from pye57.utils import convert_spherical_to_cartesian
    header = file.get_header(index)
    names = [
        name for name in (*_AXES, *_ANGLES, *_COLORS, *_INVALID)
        if name in header.point_fields
    ]
    # a damaged header may promise any number of points
    if header.point_count // 1000 > path.stat().st_size:
        raise ValueError('it is shorter than its header says')
    values = _read_fields(file, header, names)
    if set(_AXES) <= set(names):
        xyz = np.stack([values[name] for name in _AXES], 1)
    elif set(_ANGLES) <= set(names):
        xyz = convert_spherical_to_cartesian(
            np.stack([values[name] for name in _ANGLES], 1))
    else:
        raise ValueError(f'scan {index} has no coordinates, only '
                         f'{", ".join(header.point_fields)}')
    valid = np.ones(len(xyz), bool)
    for name in _INVALID:
        if name in values:
            valid &= values[name] == 0
    xyz = xyz[valid]
    if header.has_pose():
        xyz = file.to_global(xyz, header.rotation, header.translation)
    if not set(_COLORS) <= set(names):
        return xyz, None
    rgb = np.stack([values[name] for name in _COLORS], 1)[valid]
    return xyz, rgb * (255. / _largest_color(header.node, rgb))


def _read_fields(file, header, names: list[str]) -> dict[str, np.ndarray]:
    """Values of all points as float64: colors may have 16 bits, for which
    pye57's own arrays have no room."""
    from pye57 import libe57
    values = {name: np.zeros(header.point_count) for name in names}
    buffers = libe57.VectorSourceDestBuffer()
    for name, array in values.items():
        buffers.append(
            libe57.SourceDestBuffer(file.image_file, name, array, len(array),
                                    True, True))
    reader = header.points.reader(buffers)
    count = reader.read() if header.point_count else 0
    reader.close()
    if count != header.point_count:
        raise ValueError(f'it has {count} of {header.point_count} points')
    return values


def _largest_color(node, rgb: np.ndarray) -> float:
    """What is white, by the file's limits, or else by its colors."""
    largest = rgb.max(initial=0)
    if node.isDefined('colorLimits/colorRedMaximum'):
        limit = float(node['colorLimits']['colorRedMaximum'].value())
        if limit >= largest and limit > 0:
            return limit
    return 65535. if largest > 255 else 255.
