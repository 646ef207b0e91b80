"""The frame of reference in which LESS sees a scan.

Coordinates are inputs of the network, and ScanNet's scans are in meters, with
the walls along x and y, the floor at z = 0 and the room around x = y = 0. A
scan that lies elsewhere is not recognized.
"""
from __future__ import annotations
import os

import numpy as np

from mmlangseg.io.files import read_text

SMALLEST, LARGEST = 0.05, 200.0  # meters, believable extents of a scan
FLOOR_PERCENTILE = 1.0  # of z; some points lie below the floor by mistake
EDGE_PERCENTILES = 0.1, 99.9  # of x and y; some lie behind windows
FEWEST_STEPS = 1000  # that float32 must know within the extent of a scan


def place_scan(name: str | os.PathLike,
               xyz: np.ndarray,
               scale: float = 1.0,
               align: np.ndarray | None = None,
               center: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Move a scan to where the network expects it, in double precision.

    Args:
        name: Of the scan, for messages.
        xyz: (N, 3) finite, float32 or float64, as stored, z up.
        scale: Factor to meters.
        align: (4, 4), applied to meters before anything else, for example
            ScanNet's ``axisAlignment``.
        center: Whether to move the center of the box around the scan, but for
            stray points, to x = y = 0, and the floor, a low percentile of z,
            to z = 0. A scan that ScanNet has aligned stays where it is but
            for centimeters.

    Returns:
        tuple: The points in meters, float32 (N, 3), and the offset that was
        subtracted, float64 (3,).

    Raises:
        ValueError: The extent is not that of a scan in meters, or float32 is
            too coarse for the coordinates.
    """
    placed = xyz.astype(np.float64) * scale
    if align is not None:
        placed = placed @ align[:3, :3].T + align[:3, 3]
    extent = float(np.ptp(placed, axis=0).max()) if len(placed) else 0.0
    if not SMALLEST <= extent <= LARGEST:
        raise ValueError(
            f'{name}: its extent is {extent:.4g}, which is not credible in '
            'meters; for millimeters pass --scale 0.001, for centimeters '
            '--scale 0.01 (scale=0.001 in Python)')
    offset = np.zeros(3)
    if center:
        offset[:2] = np.percentile(placed[:, :2], EDGE_PERCENTILES, 0).mean(0)
        offset[2] = np.percentile(placed[:, 2], FLOOR_PERCENTILE)
    moved = (placed - offset).astype(np.float32)
    for stored in (xyz, moved):
        farthest = np.abs(stored).max()
        step = np.spacing(farthest)
        if step * FEWEST_STEPS > np.ptp(stored, axis=0).max():
            raise ValueError(
                f'{name}: coordinates go up to {farthest:.7g}, where '
                f'{stored.dtype} knows only steps of {step:.2g}. Write the '
                'file in double precision and let the scan be centered, or '
                'subtract an offset before it is written')
    return moved, offset


def read_axis_alignment(path: str | os.PathLike) -> np.ndarray | None:
    """Read the line ``axisAlignment = ...`` of ``<scene>.txt`` of ScanNet.

    Returns:
        float64 (4, 4), None where the file has no such line.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not text, or holds no alignment.
    """
    lines = _read_lines(path)
    if not any('=' in line for line in lines):
        raise ValueError(f'{path} has no line "name = value", so it is no '
                         '<scene>.txt of ScanNet. Download it again')
    return _find_axis_alignment(path, lines)


def _find_axis_alignment(path: str | os.PathLike,
                         lines: list[str]) -> np.ndarray | None:
    for line in lines:
        name, _, numbers = line.partition('=')
        if name.strip() == 'axisAlignment':
            return _parse_alignment(path, numbers)
    return None


def read_alignment(path: str | os.PathLike) -> np.ndarray:
    """Read the matrix that aligns a scan.

    Args:
        path: Text file of 16 numbers, row by row, or ``<scene>.txt`` of
            ScanNet, with a line ``axisAlignment = ...``.

    Returns:
        np.ndarray: float64 (4, 4).

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It holds no such matrix.
    """
    lines = _read_lines(path)
    matrix = _find_axis_alignment(path, lines)
    if matrix is None:
        matrix = _parse_alignment(path, ' '.join(lines))
    return matrix


def check_alignment(matrix: np.ndarray) -> None:
    """Check that a matrix (4, 4) turns and shifts, and does nothing else.

    Anything else would distort a scan, or mirror it.

    Raises:
        ValueError: It does not.
    """
    rotation = matrix[:3, :3]
    if not (np.isfinite(matrix).all()
            and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
            and np.linalg.det(rotation) > 0
            and np.array_equal(matrix[3], [0, 0, 0, 1])):
        raise ValueError('it is not a rotation and a shift')


def _read_lines(path: str | os.PathLike) -> list[str]:
    try:
        return read_text(path).splitlines()
    except ValueError as error:
        raise _no_alignment(path, error) from None


def _parse_alignment(path: str | os.PathLike, numbers: str) -> np.ndarray:
    try:
        matrix = np.array(numbers.split(), dtype=float).reshape(4, 4)
        check_alignment(matrix)
    except ValueError as error:
        raise _no_alignment(path, error) from None
    return matrix


def _no_alignment(path: str | os.PathLike, reason: Exception) -> ValueError:
    return ValueError(
        f'{path} holds no alignment: {reason}. Give 16 numbers, a 4 x 4 '
        'matrix row by row, or <scene>.txt of ScanNet with the line '
        '"axisAlignment = ..."; download it again if it is damaged')
