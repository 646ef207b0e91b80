"""Draw points into images with a depth test, in NumPy, without a display."""
from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree


class Camera:
    """Looks at a cloud from outside; the image's up is z where possible.

    Args:
        xyz: (N, 3) points that must fit into the image (rare outliers may
            lie outside).
        azimuth: Direction from the cloud to the camera in degrees, from +x
            towards +y. -90 looks along +y with +x to the right.
        elevation: The same above the horizon; 90 looks down with +y up.
        size: Height and width of the image in pixels.
        perspective: Whether near points look larger.
    """

    def __init__(self,
                 xyz: np.ndarray,
                 azimuth: float,
                 elevation: float,
                 size: tuple[int, int],
                 perspective: bool = False) -> None:
        a, e = np.deg2rad([azimuth, elevation])
        backward = np.array(
            [np.cos(e) * np.cos(a),
             np.cos(e) * np.sin(a),
             np.sin(e)])
        right = np.array([-np.sin(a), np.cos(a), 0])
        self.axes = np.stack([right, np.cross(backward, right), backward])
        low, high = _bounds(xyz)
        self.center = (low + high) / 2
        self.radius = max(float(np.linalg.norm(high - low)) / 2, 1e-6)
        self.distance = 2.2 * self.radius if perspective else None
        self.size = size
        self.scale, self.shift = 1., np.zeros(2)
        plane = self._to_plane(xyz)[0]
        low, high = _bounds(plane)
        extent = np.maximum(high - low, 1e-2 * self.radius)
        self.scale = 0.92 * min(size[1] / extent[0], size[0] / extent[1])
        self.shift = (low + high) / 2

    def _to_plane(self, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y, closeness = ((xyz - self.center) @ self.axes.T).T
        if self.distance is not None:
            # outliers behind the camera end up outside the image
            zoom = self.distance / np.maximum(self.distance - closeness,
                                              0.05 * self.distance)
            x, y = x * zoom, y * zoom
        return np.stack([x, y], 1), -closeness

    def project(self, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points (N, 3).

        Returns:
            tuple: Pixels, int (N, 2) as row and column, possibly outside the
            image, and depths (N,) in the unit of the points, smaller =
            nearer.
        """
        plane, depth = self._to_plane(xyz)
        plane = (plane - self.shift) * self.scale
        row = self.size[0] / 2 - plane[:, 1]
        column = self.size[1] / 2 + plane[:, 0]
        return np.floor(np.stack([row, column], 1)).astype(np.int64), depth


def _bounds(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates, outliers clipped, each (D,)."""
    low, high = np.percentile(points, [1, 99], axis=0)
    slack = 0.15 * (high - low)
    return (np.maximum(points.min(0),
                       low - slack), np.minimum(points.max(0), high + slack))


def splat(pixels: np.ndarray, depth: np.ndarray, size: tuple[int, int],
          radius: np.ndarray) -> np.ndarray:
    """Draw each point as a disc; the nearest point wins a pixel.

    Args:
        pixels: int (N, 2), row and column.
        depth: (N,).
        size: Height and width in pixels.
        radius: int (N,), of the discs, in pixels.

    Returns:
        np.ndarray: int (height, width), index of the point seen, -1 = none.
    """
    order = np.argsort(depth, kind='stable')  # near to far
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    # a border on the canvas saves testing each pixel of the discs
    border = int(radius.max(initial=0))
    near = ((pixels >= -border) & (pixels < np.add(size, border))).all(1)
    height, width = np.add(size, 4 * border)
    start = (pixels[:, 0] + 2 * border) * width + pixels[:, 1] + 2 * border
    nearest = np.full(height * width, len(order))
    for reach in np.unique(radius[near]):
        members = np.flatnonzero(near & (radius == reach))
        spots, ranks = start[members], rank[members]
        for y, x in _disc(int(reach)):
            np.minimum.at(nearest, spots + (y * width + x), ranks)
    inner = slice(2 * border,
                  2 * border + size[0]), slice(2 * border,
                                               2 * border + size[1])
    nearest = nearest.reshape(height, width)[inner]
    # Between the discs of a near surface, far ones shine through: small gaps
    # take a point beside them.
    # OpenCV is ten times as fast as SciPy; float32 numbers 2^24 points.
    closed = cv2.morphologyEx(
        nearest.astype(np.float32 if len(order) < 2**24 else np.float64),
        cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)).astype(np.intp)
    depths = np.append(depth[order], np.inf)
    gap = max(float(np.ptp(depth)) / 40, 1e-9) if len(depth) else 0.
    with np.errstate(invalid='ignore'):  # inf - inf, where nothing is seen
        leak = depths[nearest] - depths[closed] > gap
    return np.append(order, -1)[np.where(leak, closed, nearest)]


def _disc(radius: int) -> np.ndarray:
    """Offsets (K, 2) of the pixels of a disc."""
    reach = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(reach, reach, indexing='ij'), -1)
    offsets = offsets.reshape(-1, 2)
    return offsets[(offsets**2).sum(1) <= (radius + 0.5)**2]


def point_spacing(xyz: np.ndarray, neighbors: int = 5) -> np.ndarray:
    """Distance of each point to its fifth neighbor, (N,).

    Discs of about this radius close a surface of any point density.
    """
    k = min(neighbors + 1, len(xyz))
    distance = cKDTree(xyz).query(xyz, k=[k])[0]
    return distance[:, 0]


def shade(depth: np.ndarray, radius: float) -> np.ndarray:
    """Darken depth edges (eye-dome lighting, Boucheny 2009).

    Args:
        depth: (height, width), inf where nothing is seen.
        radius: Of the scene, in the unit of the depth.

    Returns:
        np.ndarray: (height, width) factors in (0, 1].
    """
    depth = (depth / radius).astype(np.float32)
    occlusion, gap = np.zeros_like(depth), np.empty_like(depth)
    for reach in (2, 5):
        for axis in (0, 1):
            for step in (-reach, reach):
                with np.errstate(invalid='ignore'):
                    np.subtract(depth, np.roll(depth, step, axis), out=gap)
                # small gaps are the slope of a surface, large ones edges;
                # fmax takes 0 for the NaN where nothing is seen at either
                gap -= 0.01
                np.fmax(gap, 0, out=gap)
                np.minimum(gap, 0.08, out=gap)
                occlusion += gap
    occlusion *= -2.5
    return np.exp(occlusion, out=occlusion)


def outline(covered: np.ndarray, width: int) -> np.ndarray:
    """Edge pixels of a region drawn by points, with its pinholes closed.

    Args:
        covered: bool (height, width).
        width: Of the line, in pixels.

    Returns:
        np.ndarray: bool (height, width).
    """
    pad = 2 * width
    region = np.pad(covered, pad).astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    region = cv2.morphologyEx(region, cv2.MORPH_CLOSE, cross, iterations=width)
    beyond = region.copy()
    cv2.floodFill(beyond, None, (0, 0), 1)  # all but the holes
    region |= 1 - beyond
    region = np.ascontiguousarray(region[pad:-pad, pad:-pad])
    return cv2.dilate(region, cross, iterations=width) > region
