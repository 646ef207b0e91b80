"""Scans of surveyors: LAS, and LAZ, which is compressed."""
from __future__ import annotations
import struct
from pathlib import Path

import numpy as np


def read_las(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the points of a LAS or LAZ file.

    Args:
        path: ``.las`` or ``.laz``.

    Returns:
        tuple: (N, 3) float64 x, y, z, scaled and shifted as the file says,
        such as meters in UTM, which float32 would round to decimeters; and
        (N, 3) red, green, blue from 0 to 255, or None without colors. Colors
        have 16 bits, of which some programs fill the lower 8 only.

    Raises:
        ImportError: laspy, or for LAZ lazrs, is not installed.
        ValueError: The file is damaged.
    """
    try:
        import laspy
    except ImportError:
        raise ImportError(
            f'{path}: LAS and LAZ are read with laspy, which is '
            'not installed: pip install "laspy[lazrs]"') from None
    try:
        with laspy.open(path) as file:
            if file.header.are_points_compressed and \
                    not laspy.LazBackend.detect_available():
                raise ImportError(f'{path}: LAZ is read with lazrs, which is '
                                  'not installed: pip install lazrs')
            # a damaged header may promise any number of points
            least = file.header.point_count // 1000
            if least > path.stat().st_size:
                raise ValueError('it is shorter than its header says')
            if file.header.are_points_compressed:
                _require_chunks(path, file.header.offset_to_point_data)
            las = file.read()
        xyz = np.stack([np.asarray(las[name]) for name in 'xyz'], 1)
        names = set(las.point_format.dimension_names)
        if not {'red', 'green', 'blue'} <= names:
            return xyz, None
        colors = ('red', 'green', 'blue')
        rgb = np.stack([np.asarray(las[name]) for name in colors], 1)
    except ImportError:
        raise
    except Exception as error:  # a damaged file raises almost anything
        raise ValueError(f'{path} is not a LAS file that can be read: '
                         f'{str(error) or type(error).__name__}. Export it '
                         'again') from error
    if not rgb.any():  # of scanners without a camera
        return xyz, None
    return xyz, rgb / 257. if rgb.max() > 255 else rgb


def _require_chunks(path: Path, start: int) -> None:
    """Refuse a LAZ whose table of chunks promises more than the file holds:
    lazrs asks for memory for all of them at once, and ends the program where
    there is none."""
    size = path.stat().st_size
    with open(path, 'rb') as file:
        file.seek(start)
        table, = struct.unpack('<q', file.read(8))
        if table == -1:  # of a program that wrote it at the end
            file.seek(-8, 2)
            table, = struct.unpack('<q', file.read(8))
        if not start < table <= size - 8:
            raise ValueError('its table of chunks is outside the file')
        file.seek(table)
        _, count = struct.unpack('<II', file.read(8))
    if count > size:
        raise ValueError(f'it promises {count} chunks, but has {size} bytes')
