"""Reading the vertices of PLY files."""
from __future__ import annotations
from typing import Sequence

import numpy as np
from plyfile import PlyData, PlyParseError

from mmlangseg.fileio import PathLike

XYZ = ('x', 'y', 'z')

# Triangles are read in one go; any other faces take plyfile's slow path.
_TRIANGLES = {'face': {'vertex_indices': 3, 'vertex_index': 3}}


def read_ply_vertices(path: PathLike,
                      required: Sequence[str] = XYZ) -> np.ndarray:
    """Read the element ``vertex`` of a PLY file.

    Args:
        path: ASCII or binary PLY file, with or without faces.
        required: Properties that must be there.

    Returns:
        Structured array (N,), one field per property.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is truncated, not a PLY file, has no vertices or lacks
            a property.
    """
    try:
        try:
            data = PlyData.read(str(path), known_list_len=_TRIANGLES)
        except PlyParseError:
            data = PlyData.read(str(path))
        vertices = np.array(data['vertex'].data)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist') from None
    except (PlyParseError, KeyError, ValueError, MemoryError) as error:
        raise ValueError(
            f'{path} is truncated or not a PLY file with vertices: {error}'
        ) from None
    if len(vertices) == 0:
        raise ValueError(f'{path} has no vertices')
    for name in required:
        if name not in vertices.dtype.names:
            raise ValueError(f'{path} has no vertex property "{name}"')
    return vertices


def vertex_columns(vertices: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Stack properties of vertices, (N, len(names)).

    float32 if that holds all values exactly, else float64: georeferenced
    coordinates need it.
    """
    dtype = np.result_type(np.float32, *(vertices.dtype[n] for n in names))
    return np.stack([vertices[name].astype(dtype) for name in names], axis=1)
