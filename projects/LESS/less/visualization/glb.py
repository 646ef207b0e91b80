"""Colored points as GLB, which any program for 3D opens."""
from __future__ import annotations
import os

import numpy as np

from mmlangseg.io.files import atomic_path


def write_glb(path: str | os.PathLike, xyz: np.ndarray,
              colors: np.ndarray) -> None:
    """Write colored points, turned so that y is up, as glTF wants it.

    Args:
        path: Of the file, written atomically.
        xyz: (N, 3) meters, z up; written as float32, as glTF demands.
        colors: uint8 (N, 3).

    Raises:
        ImportError: trimesh is not installed.
    """
    try:
        import trimesh
    except ImportError:
        raise ImportError('GLB is written with trimesh, which is not '
                          'installed: pip install trimesh') from None
    turned = np.stack([xyz[:, 0], xyz[:, 2], -xyz[:, 1]], 1)
    cloud = trimesh.PointCloud(turned, colors)
    with atomic_path(path) as tmp:
        tmp.write_bytes(trimesh.Scene(cloud).export(file_type='glb'))
