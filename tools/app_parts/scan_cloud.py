"""What a browser is sent of a scan, and from where it looks at it."""
from __future__ import annotations
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmlangseg.less.visualization.point_colors import highlight

MAX_SHOWN = 250_000  # points; a laptop turns them without stutter


@dataclass(frozen=True)
class View:
    """Where the camera is and what it looks at, each float64 (3,)."""

    position: np.ndarray
    look_at: np.ndarray


class ScanCloud:
    """The points of a scan that are shown, around its middle.

    Args:
        xyz: float32 (N, 3) in meters, z up.
        rgb: (N, 3), 0 to 255.
        most: A scan of more points is thinned out to so many; masks still
            have all of them.

    Attributes:
        xyz: float32 (n, 3), the shown ones.
        spacing: About the distance of neighbors, in meters.
    """

    def __init__(self,
                 xyz: np.ndarray,
                 rgb: np.ndarray,
                 most: int = MAX_SHOWN) -> None:
        low, high = xyz.min(0).astype(float), xyz.max(0).astype(float)
        self._shown: slice | np.ndarray = slice(None)
        if len(xyz) > most:
            chosen = np.random.default_rng(0).permutation(len(xyz))[:most]
            self._shown = np.sort(chosen)
        self.xyz = (xyz[self._shown] - (low + high) / 2).astype(np.float32)
        self._rgb = rgb[self._shown].clip(0, 255).astype(np.uint8)
        x, y, z = self._extent = np.maximum(high - low, 1e-3)
        # as if the points lay on the sides of their box
        self.spacing = float(
            np.sqrt(2 * (x * y + y * z + z * x) / len(self.xyz)))

    @property
    def precision(self) -> Literal['float16', 'float32']:
        """Of the coordinates to send: 6 bytes a point where the steps of
        float16 are small beside the spacing of the points, else 12."""
        farthest = np.float16(np.abs(self.xyz).max())
        fine = float(np.spacing(farthest)) <= self.spacing / 2
        return 'float16' if fine else 'float32'

    def colors(self, mask: np.ndarray | None = None) -> np.ndarray:
        """Colors of the shown points, uint8 (n, 3).

        Args:
            mask: bool (N,), painted red where all else fades; None gives the
                colors of the scan.
        """
        if mask is None:
            return self._rgb
        return highlight(self._rgb, mask[self._shown])

    def orbit_view(self) -> View:
        """From above a corner."""
        radius = float(np.linalg.norm(self._extent)) / 2
        lower = np.array([0, 0, -0.2 * radius])  # the near side fills more
        return View(radius * np.array([0.9, -1.0, 0.9]), lower)

    def top_view(self) -> View:
        """From straight above, x to the right."""
        x, y, z = self._extent
        height = z / 2 + max(x, y) * 0.8
        # not quite, for up must not be where the camera looks
        return View(np.array([0, -1e-3 * height, height]), np.zeros(3))
