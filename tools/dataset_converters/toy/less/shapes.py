"""Triangle meshes of simple surfaces, sampled at a given point spacing.

Vertices are cell centers of a regular grid, so surfaces that share an edge do
not duplicate vertices. All lengths are in meters, z points up.
"""
from __future__ import annotations
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull


@dataclass
class Surface:
    """A sampled surface.

    Attributes:
        vertices: (V, 3) float64, meters.
        normals: (V, 3) float64, unit length.
        faces: (F, 3) int64, indices into ``vertices``.
    """

    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray

    def __len__(self) -> int:
        return len(self.vertices)


def merge(surfaces: Sequence[Surface]) -> Surface:
    """Concatenate surfaces into one."""
    starts = np.cumsum([0] + [len(surface) for surface in surfaces])
    return Surface(
        vertices=np.concatenate([s.vertices for s in surfaces]),
        normals=np.concatenate([s.normals for s in surfaces]),
        faces=np.concatenate(
            [s.faces + start for s, start in zip(surfaces, starts)]))


def _grid_faces(rows: int, columns: int, closed: bool = False) -> np.ndarray:
    """Triangulate a rows x columns vertex grid; ``closed`` joins columns."""
    if rows < 2 or columns < 2:
        return np.zeros((0, 3), dtype=np.int64)
    index = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        index = np.concatenate([index, index[:, :1]], axis=1)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate(
        [np.stack([a, b, c], axis=1),
         np.stack([b, d, c], axis=1)])


def patch(origin: Sequence[float], u: Sequence[float], v: Sequence[float],
          spacing: float) -> Surface:
    """Sample the parallelogram ``origin + [0, 1] u + [0, 1] v``."""
    u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    rows = max(1, round(np.linalg.norm(u) / spacing))
    columns = max(1, round(np.linalg.norm(v) / spacing))
    s = (np.arange(rows) + 0.5) / rows
    t = (np.arange(columns) + 0.5) / columns
    vertices = (
        np.asarray(origin, dtype=float) + s[:, None, None] * u +
        t[None, :, None] * v)
    normal = np.cross(u, v)
    normal = normal / np.linalg.norm(normal)
    return Surface(
        vertices=vertices.reshape(-1, 3),
        normals=np.tile(normal, (rows * columns, 1)),
        faces=_grid_faces(rows, columns))


def box(center: Sequence[float],
        size: Sequence[float],
        spacing: float,
        bottom: bool = False) -> Surface:
    """Sample the sides and the top (and the bottom) of an upright box.

    Args:
        center: Middle of the box's base, (x, y, z of the base).
        size: Extent along x, y and z.
        spacing: Distance of neighboring vertices.
        bottom: Sample the bottom face too.
    """
    w, d, h = size
    x, y, z = center[0] - w / 2, center[1] - d / 2, center[2]
    ex, ey, ez = (w, 0, 0), (0, d, 0), (0, 0, h)
    sides = [
        patch((x, y, z + h), ex, ey, spacing),
        patch((x, y, z), ex, ez, spacing),
        patch((x, y + d, z), ez, ex, spacing),
        patch((x, y, z), ez, ey, spacing),
        patch((x + w, y, z), ey, ez, spacing),
    ]
    if bottom:
        sides.append(patch((x, y, z), ey, ex, spacing))
    return merge(sides)


def disc(center: Sequence[float], radius: float, spacing: float) -> Surface:
    """Sample a horizontal disc by concentric rings."""
    rings = max(1, round(radius / spacing))
    points = []
    for ring in range(rings):
        r = radius * (ring + 0.5) / rings
        count = max(3, round(2 * np.pi * r / spacing))
        angle = 2 * np.pi * np.arange(count) / count
        points.append(
            np.stack([r * np.cos(angle), r * np.sin(angle),
                      np.zeros(count)],
                     axis=1))
    vertices = np.concatenate(points)
    faces = np.zeros((0, 3), dtype=np.int64)
    if len(vertices) > 3:
        # Project onto a paraboloid: its lower hull is the Delaunay mesh.
        lifted = vertices.copy()
        lifted[:, 2] = (vertices[:, :2]**2).sum(axis=1)
        hull = ConvexHull(lifted, qhull_options='QJ')
        faces = hull.simplices[hull.equations[:, 2] < 0].astype(np.int64)
    return Surface(
        vertices=vertices + np.asarray(center, dtype=float),
        normals=np.tile([0.0, 0.0, 1.0], (len(vertices), 1)),
        faces=faces)


def frustum(center: Sequence[float],
            radius: float,
            height: float,
            spacing: float,
            top_radius: float | None = None,
            cap: bool = True) -> Surface:
    """Sample an upright (truncated) cone; ``center`` is its base's middle."""
    top_radius = radius if top_radius is None else top_radius
    rows = max(1, round(height / spacing))
    columns = max(4, round(np.pi * (radius + top_radius) / spacing))
    t = (np.arange(rows) + 0.5) / rows
    angle = 2 * np.pi * np.arange(columns) / columns
    r = (radius + t * (top_radius - radius))[:, None]
    vertices = np.stack(
        np.broadcast_arrays(r * np.cos(angle), r * np.sin(angle),
                            (t * height)[:, None]),
        axis=-1).reshape(-1, 3)
    slope = (radius - top_radius) / height
    normal = np.stack(
        [np.cos(angle), np.sin(angle),
         np.full(columns, slope)], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    side = Surface(
        vertices=vertices + np.asarray(center, dtype=float),
        normals=np.tile(normal, (rows, 1)),
        faces=_grid_faces(rows, columns, closed=True))
    if not cap:
        return side
    top = (center[0], center[1], center[2] + height)
    return merge([side, disc(top, top_radius, spacing)])


def ellipsoid(center: Sequence[float], radii: Sequence[float],
              spacing: float) -> Surface:
    """Sample an ellipsoid around ``center`` by a Fibonacci lattice."""
    radii = np.asarray(radii, dtype=float)
    area = 4 * np.pi * np.mean(radii)**2
    count = max(8, round(area / spacing**2))
    index = np.arange(count) + 0.5
    polar = np.arccos(1 - 2 * index / count)
    azimuth = np.pi * (1 + 5**0.5) * index
    unit = np.stack([
        np.sin(polar) * np.cos(azimuth),
        np.sin(polar) * np.sin(azimuth),
        np.cos(polar)
    ],
                    axis=1)
    normals = unit / radii
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Surface(
        vertices=unit * radii + np.asarray(center, dtype=float),
        normals=normals,
        faces=ConvexHull(unit).simplices.astype(np.int64))
