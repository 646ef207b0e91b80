"""Colored PLY files with the referred object highlighted."""
from __future__ import annotations
import os

import numpy as np

from mmlangseg.io.files import atomic_path
from .point_colors import highlight


def write_ply(path: str | os.PathLike,
              xyz: np.ndarray,
              rgb: np.ndarray,
              mask: np.ndarray,
              text: str | None = None) -> None:
    """Write a binary PLY that any viewer shows with the object in red.

    Vertices keep the order of the points. The property ``referred`` is 1
    inside the mask, for programs that want the mask back.

    Args:
        path: Of the file, written atomically.
        xyz: (N, 3); float64 is written as double, all else as float.
        rgb: (N, 3), 0 to 255.
        mask: bool (N,).
        text: The sentence, kept as a comment (ASCII, as PLY demands).
    """
    from plyfile import PlyData, PlyElement  # scans only
    mask, xyz = np.asarray(mask, bool), np.asarray(xyz)
    kind = 'f8' if xyz.dtype == np.float64 else 'f4'
    vertex = np.empty(
        len(xyz),
        dtype=[('x', kind), ('y', kind), ('z', kind), ('red', 'u1'),
               ('green', 'u1'), ('blue', 'u1'), ('referred', 'u1')])
    for name, column in zip(('x', 'y', 'z'), xyz.T):
        vertex[name] = column
    for name, column in zip(('red', 'green', 'blue'), highlight(rgb, mask).T):
        vertex[name] = column
    vertex['referred'] = mask
    comments = []
    if text is not None:
        line = ' '.join(text.encode('ascii', 'replace').decode().split())
        comments.append(f'text: {line}')
    data = PlyData([PlyElement.describe(vertex, 'vertex')],
                   byte_order='<',
                   comments=comments)
    with atomic_path(path) as tmp:
        data.write(str(tmp))
