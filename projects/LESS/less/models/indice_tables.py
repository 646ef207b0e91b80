"""Sparse-convolution index tables made once per scene (CPU)."""

from __future__ import annotations

import numpy as np
import spconv.pytorch.ops as ops
import torch
from spconv.core import ConvAlgo
from spconv.pytorch.core import IndiceData
from torch import Tensor


def shared_indice_dict(coordinates: list[Tensor], repeats: list[int],
                       spatial_shape: list[int],
                       num_levels: int) -> dict[str, IndiceData]:
    """Build the tables of all U-Net levels for repeated scenes.

    All expressions of a scene share its voxels, so the hash look-ups, by far
    the slower part of building a table on the CPU, are done once per scene
    and the resulting rows are shifted for every repetition.

    Args:
        coordinates (list[Tensor]): Of length B, each (M_i, 3) int32 on the
            CPU.
        repeats (list[int]): Of length B, how often each scene occurs in
            succession in the batch of S = sum(repeats) samples.
        spatial_shape (list[int]): Extent of the finest grid.
        num_levels (int): Levels of the U-Net.

    Returns:
        dict: ``subm{i}`` and ``spconv{i}`` tables for
        :class:`spconv.pytorch.SparseConvTensor`, levels counted from 1.
    """
    indices = [torch.nn.functional.pad(c, (1, 0)) for c in coordinates]
    shape, tables = list(spatial_shape), {}
    for level in range(1, num_levels + 1):
        tables[f'subm{level}'] = _table(indices, indices, repeats, shape,
                                        shape,
                                        [_subm(i, shape)
                                         for i in indices], True)
        if level == num_levels:
            break
        down = [_strided(i, shape) for i in indices]
        coarse = [d[0] for d in down]
        coarse_shape = [s // 2 for s in shape]
        tables[f'spconv{level}'] = _table(indices, coarse, repeats, shape,
                                          coarse_shape, down, False)
        indices, shape = coarse, coarse_shape
    return tables


def repeated_indices(coordinates: list[Tensor], repeats: list[int]) -> Tensor:
    """Indices (R, 4) int32 of all samples: sample, x, y, z."""
    rows, sample = [], 0
    for xyz, repeat in zip(coordinates, repeats):
        index = torch.arange(
            sample, sample + repeat, dtype=torch.int32, device=xyz.device)
        rows.append(
            torch.cat([
                index.repeat_interleave(len(xyz)).unsqueeze(1),
                xyz.repeat(repeat, 1)
            ], 1))
        sample += repeat
    return torch.cat(rows)


def _subm(indices: Tensor, shape: list[int]):
    return ops.get_indice_pairs(indices, 1, shape, ConvAlgo.Native, [3] * 3,
                                [1] * 3, [1] * 3, [1] * 3, [0] * 3, True,
                                False)


def _strided(indices: Tensor, shape: list[int]):
    return ops.get_indice_pairs(indices, 1, shape, ConvAlgo.Native, [2] * 3,
                                [2] * 3, [0] * 3, [1] * 3, [0] * 3, False,
                                False)


def _table(indices_in: list[Tensor], indices_out: list[Tensor],
           repeats: list[int], shape_in: list[int], shape_out: list[int],
           tables: list[tuple], is_subm: bool) -> IndiceData:
    """Join the tables of single scenes into one for all samples."""
    counts = torch.stack([num for _, _, num in tables])  # (B, K)
    total = (counts * torch.tensor(repeats).unsqueeze(1)).sum(0)  # (K,)
    rows_in = sum(len(i) * r for i, r in zip(indices_in, repeats))
    pairs = torch.full((2, counts.shape[1], rows_in), -1, dtype=torch.int32)
    filled = np.zeros(counts.shape[1], dtype=int)
    offset_in = offset_out = 0
    for (_, scene_pairs,
         scene_num), i, o, repeat in zip(tables, indices_in, indices_out,
                                         repeats):
        step = torch.arange(repeat, dtype=torch.int32)
        shift = torch.stack(
            [offset_in + step * len(i),
             offset_out + step * len(o)]).unsqueeze(-1)  # (2, E, 1)
        for k, n in enumerate(_listed(scene_num, is_subm)):
            block = scene_pairs[:, k, None, :n] + shift  # (2, E, n)
            end = filled[k] + n * repeat
            pairs[:, k, filled[k]:end] = block.flatten(1)
            filled[k] = end
        offset_in += repeat * len(i)
        offset_out += repeat * len(o)
    return IndiceData(
        repeated_indices([o[:, 1:] for o in indices_out], repeats),
        repeated_indices([i[:, 1:] for i in indices_in], repeats),
        pairs,
        total.to(torch.int32),
        shape_in,
        shape_out,
        is_subm=is_subm,
        algo=ConvAlgo.Native,
        ksize=[3] * 3 if is_subm else [2] * 3,
        stride=[1] * 3 if is_subm else [2] * 3,
        padding=[1] * 3 if is_subm else [0] * 3,
        dilation=[1] * 3)


def _listed(num: Tensor, is_subm: bool) -> list[int]:
    """Pairs listed per kernel position; a submanifold table counts only the
    first half of the kernel and lists its mirror image uncounted."""
    counts = num.tolist()
    if is_subm:
        half = len(counts) // 2
        counts = counts[:half] + [0] + counts[:half][::-1]
    return counts
