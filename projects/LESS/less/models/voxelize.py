"""Points to voxels and back, in plain torch on any device."""

from __future__ import annotations
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class VoxelScene:
    """One voxelised scene.

    Attributes:
        features (Tensor): (M, C) mean of the points of every voxel.
        coordinates (Tensor): (M, 3) int32, from 0, sorted.
        point_to_voxel (Tensor): (N,) int64 voxel of every point.
        counts (Tensor): (M,) float32 number of points of every voxel.
    """

    features: Tensor
    coordinates: Tensor
    point_to_voxel: Tensor
    counts: Tensor

    def sum_points(self, values: Tensor) -> Tensor:
        """Sum point values (..., N) per voxel: (..., M) float32."""
        out = values.new_zeros((*values.shape[:-1], len(self.counts)),
                               dtype=torch.float32)
        return out.index_add_(-1, self.point_to_voxel, values.float())


def voxelize(points: Tensor, voxel_size: float) -> VoxelScene:
    """Average the points of every occupied voxel.

    The integer coordinates are those of the released code: ``xyz`` divided by
    the voxel size, minus the scene's minimum, truncated, all in float32.

    Args:
        points (Tensor): (N, C) float32; the first three channels are x, y, z
            in meters. N may be 1, not 0.
        voxel_size (float): Edge of a voxel in meters.

    Returns:
        VoxelScene: The occupied voxels in ascending order of their
        coordinates, which keeps neighbors close in memory.
    """
    scaled = points[:, :3] * (1.0 / voxel_size)
    coordinates = (scaled - scaled.amin(dim=0)).long()
    extent = coordinates.amax(dim=0) + 1
    keys = (coordinates[:, 0] * extent[1] +
            coordinates[:, 1]) * extent[2] + coordinates[:, 2]
    keys, point_to_voxel, counts = torch.unique(
        keys, return_inverse=True, return_counts=True)
    yz = extent[1] * extent[2]
    coordinates = torch.stack(
        [keys // yz, keys % yz // extent[2], keys % extent[2]], dim=1)
    features = points.new_zeros((len(keys), points.shape[1]))
    features.index_add_(0, point_to_voxel,
                        points / counts[point_to_voxel].unsqueeze(1))
    return VoxelScene(features, coordinates.int(), point_to_voxel,
                      counts.float())
