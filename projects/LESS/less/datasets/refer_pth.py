"""Scans as 3D-STMN, MDIN, RG-SAN and Reason3D keep them."""
from __future__ import annotations
import zipfile
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
import torch

from mmlangseg.io.files import PathLike, loads_pickle_restricted

SUFFIX = '_refer.pth'
_REMEDY = ('Where the file was made: torch.save(tuple(torch.as_tensor(a) for '
           'a in torch.load(FILE, weights_only=False)), FILE)')


class ReferScan(NamedTuple):
    """A scan of a ``<scene>_refer.pth``.

    Attributes:
        points: (N, 6) float32, x y z in metres, centered on their mean and
            not aligned, r g b in [0, 255].
        superpoints: (N, ) int64.
        instances: (N, ) int64, object id + 1, 0 = no object; None in files
            of the test set.
    """

    points: np.ndarray
    superpoints: np.ndarray
    instances: Optional[np.ndarray]


def read_refer_pth(path: PathLike) -> ReferScan:
    """Read a ``<scene>_refer.pth``.

    It is a tuple of coordinates (N, 3), colors (N, 3) in [-1, 1],
    superpoints (N, ) and, but for the test set, labels of classes and of
    objects (N, ), -1 = no object, as tensors or NumPy arrays. Nothing else is
    read, and no code that the file names is run.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else, or is damaged; says what to do.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist')
    content = _load(path)
    if not isinstance(content, (tuple, list)) or len(content) not in (3, 5):
        raise ValueError(
            f'{path} is not a tuple of 3 or 5 arrays (coordinates, colors, '
            'superpoints, classes, objects), as 3D-STMN writes it')
    arrays = [_as_array(path, value) for value in content]
    xyz, rgb, superpoints = arrays[:3]
    if xyz.ndim != 2 or xyz.shape[1:] != (3, ) or rgb.shape != xyz.shape:
        raise ValueError(f'{path}: coordinates {xyz.shape} and colors '
                         f'{rgb.shape} must both be (N, 3)')
    if any(a.shape != (len(xyz), ) for a in arrays[2:]):
        raise ValueError(
            f'{path}: superpoints and labels have shapes '
            f'{[a.shape for a in arrays[2:]]}, but there are {len(xyz)} '
            'points')
    if not len(xyz) or not np.isfinite(xyz).all() or not (np.abs(rgb)
                                                          <= 1.001).all():
        raise ValueError(f'{path}: there are no points, coordinates that are '
                         'not finite, or colors beyond -1 to 1')
    # undoes rgb / 127.5 - 1
    points = np.concatenate([xyz, ((rgb + 1) * 127.5).round()], 1)
    instances = None
    if len(arrays) == 5:
        instances = _as_integers(path, arrays[4])
        instances = np.where(instances < 0, 0, instances + 1)
    return ReferScan(
        points.astype(np.float32), _as_integers(path, superpoints), instances)


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception:  # arrays of NumPy, which torch does not allow, or damage
        pass
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith('/data.pkl')]
            if len(names) != 1 or archive.getinfo(
                    names[0]).compress_type != zipfile.ZIP_STORED:
                raise ValueError('it was not written by torch.save')
            data = archive.read(names[0])
        return loads_pickle_restricted(data, path, allow=('numpy', ))
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise ValueError(f'{path} holds more than tensors and arrays, or is '
                         f'damaged ({error}). {_REMEDY}') from None


def _as_array(path: Path, value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.numpy()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in 'iuf':
        raise ValueError(f'{path}: an entry of the tuple is a '
                         f'{type(value).__name__}, not numbers. {_REMEDY}')
    return value


def _as_integers(path: Path, values: np.ndarray) -> np.ndarray:
    whole = values.astype(np.int64)
    if (whole != values).any():
        raise ValueError(f'{path}: superpoints or labels are not integers')
    return whole
