"""The vertices of meshes and clouds: OBJ and GLB."""
from __future__ import annotations
from pathlib import Path
from typing import Any

import numpy as np

from mmlangseg.io.files import read_text, resolve_inside
from .colors import gray_colors

_Y_UP = ('.glb', '.gltf')  # by the specification of glTF; here z is up


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the vertices of an OBJ in their order, so that labels fit.

    Colors behind the coordinates (``v x y z r g b``, 0 to 1) are read here. A
    mesh without them that has a texture goes to :func:`read_mesh`, which
    splits vertices along the seams of the texture.

    Returns:
        tuple: See :func:`read_mesh`.

    Raises:
        ImportError: See there.
        ValueError: See there.
    """
    # blanks of any kind may part values, and stand before them
    lines = [line.lstrip() for line in read_text(path).splitlines()]
    rows = [line.split()[1:] for line in lines if line[:2] in ('v ', 'v\t')]
    if not rows:
        raise ValueError(f'{path} has no vertices')
    widths = set(map(len, rows))
    try:
        values = np.array(rows, np.float64) if len(widths) == 1 else None
    except ValueError:
        values = None
    if values is None or values.shape[1] not in (3, 4, 6):
        raise ValueError(f'{path}: vertices have {sorted(widths)} values, '
                         'which must be 3 numbers, or 6 with colors. Export '
                         'it again')
    if values.shape[1] < 6:
        textured = any(line[:3] in ('vt ', 'vt\t') for line in lines)
        return read_mesh(path) if textured else (values[:, :3], None)
    return values[:, :3], values[:, 3:]


def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the vertices of a mesh, or the points of a cloud.

    Parts of a scene are put where its transforms say. GLB and glTF, which have
    y up, are turned so that z is up; OBJ says nothing about it and stays as it
    is. Colors are those of vertices, or of textures and materials at them; a
    part that has none is gray where others have some.

    Args:
        path: ``.obj``, ``.glb`` or ``.gltf``. Files that it names must lie
            in its folder or below.

    Returns:
        tuple: (N, 3) float64 x, y, z, and (N, 3) uint8 red, green, blue, or
        None if no part has colors.

    Raises:
        ImportError: trimesh is not installed.
        ValueError: The file is damaged or has no vertices.
    """
    try:
        import trimesh
    except ImportError:
        raise ImportError(f'{path}: meshes are read with trimesh, which is '
                          'not installed: pip install trimesh') from None

    class Beside(trimesh.resolvers.FilePathResolver):
        """Finds materials and textures in the folder of the mesh only."""

        def get(self, name: str) -> bytes:
            resolve_inside(path.parent, name.strip())
            return super().get(name)

    try:
        scene = trimesh.load_scene(
            str(path), resolver=Beside(str(path)), process=False)
        parts = scene.dump()
    except Exception as error:  # a damaged file raises almost anything
        raise ValueError(
            f'{path} is not a mesh that can be read: '
            f'{str(error) or type(error).__name__}. Export it again, or as '
            'PLY') from error
    points = [np.asarray(part.vertices, np.float64) for part in parts]
    if not sum(map(len, points)):
        raise ValueError(f'{path} has no vertices')
    colors = [_colors(part, len(xyz)) for part, xyz in zip(parts, points)]
    xyz = np.concatenate(points)
    if path.suffix.lower() in _Y_UP:
        xyz = np.stack([xyz[:, 0], -xyz[:, 2], xyz[:, 1]], 1)
    if all(color is None for color in colors):
        return xyz, None
    return xyz, np.concatenate([
        gray_colors(len(part)).astype(np.uint8) if color is None else color
        for part, color in zip(points, colors)
    ])


def _colors(part: Any, count: int) -> np.ndarray | None:
    """(N, 3) uint8 of a mesh or a cloud, None if it has none."""
    visual = getattr(part, 'visual', None)
    if visual is None:  # a cloud
        colors = np.asarray(part.colors)
    elif visual.kind is None:
        return None
    elif visual.kind == 'texture':
        colors = _texture_colors(visual, count)
    else:
        colors = np.asarray(visual.vertex_colors)
    if colors.shape[:1] != (count, ) or colors.ndim != 2:
        return None
    return colors[:, :3].astype(np.uint8)


def _texture_colors(visual: Any, count: int) -> np.ndarray:
    """Those of the texture at the vertices, or of a material without one."""
    material = visual.material
    image = getattr(material, 'image',
                    getattr(material, 'baseColorTexture', None))
    if image is None or visual.uv is None:
        return np.tile(np.asarray(material.main_color), (count, 1))
    return np.asarray(visual.to_color().vertex_colors)
