"""Reading scans of several formats as points with colors."""
from __future__ import annotations
import os
import warnings
from pathlib import Path

import numpy as np

from .colors import gray_colors, scale_colors
from .e57 import read_e57
from .las import read_las
from .meshes import read_mesh, read_obj
from .pcd import read_pcd
from .ply import COORDINATES, find_colors, read_ply, stack_properties


def read_scan(path: str | os.PathLike) -> np.ndarray:
    """Read a scan.

    Formats by suffix: ``.ply``; ``.pcd``; ``.npy``, (N, 6) or (N, 3);
    ``.npz`` with ``points`` (N, 6), or with ``xyz`` and ``rgb``; ``.bin``,
    processed scans of MMDetection3D, float32 (N, 6); ``.obj``, ``.glb`` and
    ``.gltf``, of which the vertices are taken, see :func:`read_mesh`; ``.las``
    and ``.laz``, see :func:`read_las`; ``.e57``, see :func:`read_e57`.

    Colors from 0 to 1 become 0 to 255. A scan without colors becomes gray,
    with a warning.

    Args:
        path: The file.

    Returns:
        np.ndarray: (N, 6): x, y, z as in the file, then red, green, blue from
        0 to 255. float32 if that holds the coordinates exactly, else float64:
        georeferenced ones need it.

    Raises:
        FileNotFoundError: The file does not exist.
        ImportError: A library that reads the format is not installed.
        ValueError: The format is not known, or the file is damaged, has no
            points, or has values that are not finite.
    """
    xyz, rgb = read_raw(path)
    return _check(Path(path), xyz, rgb)


def read_raw(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray | None]:
    """Read coordinates and colors as they stand in the file of a scan.

    Returns:
        tuple: (N, 3), and (N, 3), or None where there are no colors; both may
        hold what is not finite.

    Raises:
        FileNotFoundError: See :func:`read_scan`.
        ImportError: See there.
        ValueError: The format is not known, or the file is damaged or has no
            points.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f'{path}: scans of this format are not read; convert '
                         f'it to one of {", ".join(READERS)}')
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist')
    xyz, rgb = reader(path)
    if not len(xyz):
        raise ValueError(f'{path} has no points')
    return xyz, rgb


def as_points(array: np.ndarray, name: str = 'scan') -> np.ndarray:
    """Check points (N, 6) or (N, 3) given as an array; see read_scan."""
    xyz, rgb = _split(name, np.asarray(array))
    return _check(name, xyz, rgb)


def _check(name: str | Path, xyz: np.ndarray,
           rgb: np.ndarray | None) -> np.ndarray:
    if len(xyz) == 0:
        raise ValueError(f'{name} has no points')
    if rgb is None:
        warnings.warn(f'{name} has no colors, all points become gray: expect '
                      'poor results, for the model looks at colors')
        rgb = gray_colors(len(xyz))
    exact = np.can_cast(xyz.dtype, np.float32)
    points = np.concatenate([xyz, rgb], 1)
    points = points.astype(np.float32 if exact else np.float64)
    finite = np.isfinite(points).all(1)
    if not finite.all():
        raise ValueError(
            f'{name}: {(~finite).sum()} of {len(points)} points have NaN or '
            f'infinite values, the first is point {finite.argmin()}. Remove '
            'these points from the file')
    points[:, 3:] = scale_colors(name, rgb)
    return points


def _split(name: str | Path,
           array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Take (N, 3) or (N, 6) apart."""
    if (array.ndim != 2 or array.shape[1] not in (3, 6)
            or array.dtype.kind not in 'iuf'):
        raise ValueError(
            f'{name}: expected numbers of shape (N, 6), x y z r g b, or '
            f'(N, 3), got {array.dtype} of shape {array.shape}')
    if array.shape[1] == 3:
        return array, None
    return array[:, :3], array[:, 3:]


def _read_ply(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    vertices = read_ply(path)
    xyz = stack_properties(path, vertices, COORDINATES)
    colors = find_colors(vertices)
    if colors is None:
        return xyz, None
    return xyz, stack_properties(path, vertices, colors)


def _read_npy(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        # Mapped, so that no memory is taken for more than the file has.
        array = np.array(np.load(path, mmap_mode='r', allow_pickle=False))
    except Exception as error:  # a damaged header raises almost anything
        raise ValueError(f'{path} is not a valid array: {error}. Write it '
                         'again with numpy.save') from error
    return _split(path, array)


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
    except Exception as error:  # as above
        raise ValueError(f'{path} is not a valid archive: {error}. Write it '
                         'again with numpy.savez') from error
    if 'points' in arrays:
        return _split(path, arrays['points'])
    if 'xyz' not in arrays:
        raise ValueError(f'{path}: expected "points", or "xyz" and "rgb", '
                         f'found {sorted(arrays)}')
    xyz, rgb = arrays['xyz'], arrays.get('rgb')
    if rgb is None:
        return _split(path, xyz)
    if xyz.ndim != 2 or xyz.shape[1] != 3 or rgb.shape != xyz.shape:
        raise ValueError(f'{path}: xyz {xyz.shape} and rgb {rgb.shape} must '
                         'both be (N, 3)')
    return _split(path, xyz)[0], _split(path, rgb)[0]


def _read_bin(path: Path) -> tuple[np.ndarray, np.ndarray]:
    size = path.stat().st_size
    if size % 24:
        raise ValueError(f'{path}: {size} bytes are no multiple of 24; '
                         'expected float32 (N, 6). The file is cut short, or '
                         'its points have another number of values')
    points = np.fromfile(path, '<f4').reshape(-1, 6)
    return points[:, :3], points[:, 3:]


# End of the names of files with the objects of a scan, beside it.
LABELS = '.labels.npy'
READERS = {
    '.ply': _read_ply,
    '.pcd': read_pcd,
    '.npy': _read_npy,
    '.npz': _read_npz,
    '.bin': _read_bin,
    '.obj': read_obj,
    '.glb': read_mesh,
    '.gltf': read_mesh,
    '.las': read_las,
    '.laz': read_las,
    '.e57': read_e57,
}
