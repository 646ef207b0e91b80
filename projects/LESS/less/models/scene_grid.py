from __future__ import annotations
from dataclasses import dataclass

import spconv.pytorch.ops as ops
import torch
from spconv.core import ConvAlgo
from spconv.pytorch import SparseConvTensor
from spconv.pytorch.core import IndiceData
from torch import Tensor

from .voxelize import VoxelScene


class SceneGrid:
    """Grid and sparse-convolution index tables of a batch of scenes.

    All expressions of a scene share its voxels. On the CPU the hash look-ups,
    by far the slower part of building a table, are therefore done once per
    scene, and the rows are shifted for every expression. On CUDA spconv
    builds its own tables, for all expressions in one kernel.

    Args:
        scenes (list[VoxelScene]): Of length B.
        num_levels (int): Levels of the U-Net, each half as fine as the one
            before.
        pad (bool): Round the extent up to a multiple of the coarsest stride;
            a strided convolution drops the last voxel of an odd extent.
    """

    def __init__(self, scenes: list[VoxelScene], num_levels: int,
                 pad: bool) -> None:
        self.coordinates = [scene.coordinates for scene in scenes]
        self.num_levels = num_levels
        extent = torch.stack([c.amax(0) for c in self.coordinates]).amax(0) + 1
        stride = 2**(num_levels - 1) if pad else 1
        self.shape = [  # at least 128, as in the released code
            max(128, -(-side // stride) * stride) for side in extent.tolist()
        ]
        self._levels: list[_Level] | None = None
        self._repeated: tuple[list[int], dict[str, IndiceData]] | None = None

    @property
    def voxels(self) -> list[int]:
        """Number of voxels M of every scene."""
        return [len(c) for c in self.coordinates]

    def tensor(self, features: Tensor, repeats: list[int]) -> SparseConvTensor:
        """Place features on the grid, every scene ``repeats`` times.

        Args:
            features (Tensor): (R, C), scene by scene, within a scene
                repetition by repetition; R is the sum of repeats x voxels.
            repeats (list[int]): Of length B.
        """
        tables = None if features.is_cuda else self._tables(repeats)
        return SparseConvTensor(
            features,
            _repeated_indices(self.coordinates, repeats),
            self.shape,
            sum(repeats),
            indice_dict=tables)

    def _tables(self, repeats: list[int]) -> dict[str, IndiceData]:
        """Tables of all levels for repeated scenes, kept for the next call
        with the same repeats."""
        if self._repeated is None or self._repeated[0] != repeats:
            if self._levels is None:
                self._levels = self._build_levels()
            tables = {}
            for number, level in enumerate(self._levels, start=1):
                tables[f'subm{number}'] = level.submanifold(repeats)
                if level.down:
                    tables[f'spconv{number}'] = level.strided(repeats)
            self._repeated = (list(repeats), tables)
        return dict(self._repeated[1])

    def _build_levels(self) -> list[_Level]:
        """Look up the neighbors of every scene at every level."""
        indices = [
            torch.nn.functional.pad(c, (1, 0)) for c in self.coordinates
        ]
        shape, levels = self.shape, []
        for number in range(self.num_levels):
            last = number == self.num_levels - 1
            levels.append(
                _Level(indices, shape,
                       [_pairs(i, shape, 3, True) for i in indices], [] if last
                       else [_pairs(i, shape, 2, False) for i in indices]))
            indices = [table[0] for table in levels[-1].down]
            shape = [side // 2 for side in shape]
        return levels


@dataclass
class _Level:
    """Index tables of the scenes at one level.

    A table is (output indices (M', 4), pairs (2, K, M), counts (K,)).
    """

    indices: list[Tensor]
    shape: list[int]
    same: list[tuple[Tensor, Tensor, Tensor]]
    down: list[tuple[Tensor, Tensor, Tensor]]

    def submanifold(self, repeats: list[int]) -> IndiceData:
        # The counts cover the first half of the kernel only; the other half
        # is its mirror image and the center, the identity, is not listed.
        half = len(self.same[0][2]) // 2
        listed = [
            counts[:half].tolist() + [0] + counts[:half].flip(0).tolist()
            for _, _, counts in self.same
        ]
        return self._repeat(self.same, listed, repeats, 3)

    def strided(self, repeats: list[int]) -> IndiceData:
        listed = [counts.tolist() for _, _, counts in self.down]
        return self._repeat(self.down, listed, repeats, 2)

    def _repeat(self, tables: list[tuple], listed: list[list[int]],
                repeats: list[int], kernel: int) -> IndiceData:
        """Join the tables of single scenes, each shifted and repeated."""
        rows = sum(len(i) * r for i, r in zip(self.indices, repeats))
        pairs = torch.full((2, kernel**3, rows), -1, dtype=torch.int32)
        filled = [0] * kernel**3
        start_in = start_out = 0
        for indices, (out, scene_pairs,
                      _), counts, repeat in zip(self.indices, tables, listed,
                                                repeats):
            step = torch.arange(repeat, dtype=torch.int32)
            shift = torch.stack(
                [start_in + step * len(indices),
                 start_out + step * len(out)]).unsqueeze(-1)  # (2, E, 1)
            for k, n in enumerate(counts):
                end = filled[k] + n * repeat
                pairs[:, k, filled[k]:end] = (scene_pairs[:, k, None, :n] +
                                              shift).flatten(1)
                filled[k] = end
            start_in += repeat * len(indices)
            start_out += repeat * len(out)
        counts = sum(t[2] * r for t, r in zip(tables, repeats))
        strided = kernel == 2
        return IndiceData(
            _repeated_indices([t[0][:, 1:] for t in tables], repeats),
            _repeated_indices([i[:, 1:] for i in self.indices], repeats),
            pairs,
            counts.int(),
            self.shape,
            [side // 2 for side in self.shape] if strided else self.shape,
            is_subm=not strided,
            algo=ConvAlgo.Native,
            ksize=[kernel] * 3,
            stride=[2 if strided else 1] * 3,
            padding=[0 if strided else 1] * 3,
            dilation=[1] * 3)


def _pairs(indices: Tensor, shape: list[int], kernel: int,
           submanifold: bool) -> tuple[Tensor, Tensor, Tensor]:
    stride, padding = (1, 1) if submanifold else (2, 0)
    return ops.get_indice_pairs(indices, 1, shape, ConvAlgo.Native,
                                [kernel] * 3, [stride] * 3, [padding] * 3,
                                [1] * 3, [0] * 3, submanifold, False)


def _repeated_indices(coordinates: list[Tensor], repeats: list[int]) -> Tensor:
    """Indices (R, 4) int32 of all samples: sample, x, y, z."""
    rows, first = [], 0
    for xyz, repeat in zip(coordinates, repeats):
        sample = torch.arange(
            first, first + repeat, dtype=torch.int32, device=xyz.device)
        sample = sample.repeat_interleave(len(xyz)).unsqueeze(1)
        rows.append(torch.cat([sample, xyz.repeat(repeat, 1)], 1))
        first += repeat
    return torch.cat(rows)
