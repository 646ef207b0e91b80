"""Index tables of sparse convolutions on grids of any volume, on the CPU."""
from __future__ import annotations
import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_INT32_MAX = torch.iinfo(torch.int32).max
_INT64_MAX = torch.iinfo(torch.int64).max


def of_any_volume(get_indice_pairs: Callable) -> Callable:
    """Wrap ``spconv.pytorch.ops.get_indice_pairs`` for grids of any volume.

    Tables on the CPU that spconv's int32 cannot number are made here, all
    others by spconv; on CUDA it takes int64 by itself.
    """
    import spconv.pytorch.ops as ops

    @functools.wraps(get_indice_pairs)
    def dispatch(indices,
                 batch_size,
                 spatial_shape,
                 algo,
                 ksize,
                 stride,
                 padding,
                 dilation,
                 out_padding,
                 subm=False,
                 transpose=False,
                 **kwargs):
        shape = list(spatial_shape)
        if transpose:
            shape = ops.get_deconv_output_size(shape, ksize, stride, padding,
                                               dilation, out_padding)
        elif not subm:
            shape = ops.get_conv_output_size(shape, ksize, stride, padding,
                                             dilation)
        if indices.is_cuda or not exceeds_int32(batch_size, shape):
            return get_indice_pairs(indices, batch_size, spatial_shape, algo,
                                    ksize, stride, padding, dilation,
                                    out_padding, subm, transpose, **kwargs)
        if subm:
            return indices, *submanifold_table(indices, batch_size, shape,
                                               ksize, dilation)
        return convolution_table(indices, batch_size, shape, ksize, stride,
                                 padding, dilation, transpose)

    return dispatch


def exceeds_int32(batch_size: int, shape: Sequence[int]) -> bool:
    """Whether the voxels of a grid are too many to be numbered by int32."""
    return batch_size * math.prod(shape) > _INT32_MAX


def submanifold_table(indices: Tensor, batch_size: int, shape: Sequence[int],
                      ksize: Sequence[int],
                      dilation: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pair every voxel with those around it, as spconv does.

    Args:
        indices (Tensor): (N, 1 + D) int32: sample, then coordinates.
        batch_size (int): Number of samples.
        shape (Sequence[int]): D sides of the grid.
        ksize (Sequence[int]): D odd sides of the kernel; K is their product.
        dilation (Sequence[int]): Steps of the kernel along the D axes.

    Returns:
        tuple[Tensor, Tensor]:

        - pairs (2, K, N) int32: rows of the input and the output of each
          position of the kernel, -1 behind the last pair;
        - counts (K,) int32 of the first half of the kernel. The second half
          mirrors it, and the center, which pairs every voxel with itself, is
          not counted.

    Raises:
        ValueError: A side of the kernel is even, or the grid has more than
            2^63 voxels.
    """
    if not all(side % 2 for side in ksize):
        raise ValueError('a submanifold convolution needs a kernel of odd '
                         f'sides, got {list(ksize)}')
    offsets = _kernel_offsets(ksize, dilation)
    half = len(offsets) // 2
    keys, order = _keys(indices.long(), batch_size, shape).sort(stable=True)
    pairs = _no_pairs(len(offsets), indices)
    pairs[:, half] = torch.arange(len(indices))
    counts = indices.new_zeros(len(offsets))
    for k in range(half):
        near = indices.long()
        near[:, 1:] += offsets[half] - offsets[k]
        rows = _inside(near[:, 1:], shape).nonzero()[:, 0]
        wanted = _keys(near[rows], batch_size, shape)
        place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        found = keys[place] == wanted
        rows, others = rows[found], order[place[found]]
        counts[k] = len(rows)
        pair = torch.stack([rows, others]).int()
        pairs[:, k, :len(rows)] = pair
        pairs[:, -1 - k, :len(rows)] = pair.flip(0)
    return pairs, counts


def convolution_table(
        indices: Tensor,
        batch_size: int,
        out_shape: Sequence[int],
        ksize: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        transposed: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Find the output voxels of a convolution and their pairs, as spconv does.

    An inverse convolution takes the same table the other way round.

    Args:
        indices (Tensor): (N, 1 + D) int32: sample, then coordinates.
        batch_size (int): Number of samples.
        out_shape (Sequence[int]): D sides of the output's grid.
        ksize (Sequence[int]): D sides of the kernel; K is their product.
        stride (Sequence[int]): Steps of the convolution.
        padding (Sequence[int]): Voxels added on either side.
        dilation (Sequence[int]): Steps of the kernel.
        transposed (bool): Whether it is a transposed convolution.

    Returns:
        tuple[Tensor, Tensor, Tensor]:

        - indices (M, 1 + D) int32 of the output, in the order in which the
          positions of the kernel reach them;
        - pairs (2, K, N) int32, as of :func:`submanifold_table`;
        - counts (K,) int32 of all positions.

    Raises:
        ValueError: The grid has more than 2^63 voxels.
    """
    steps, pad = torch.tensor(stride), torch.tensor(padding)
    sources, outputs, counts = [], [], []
    for offset in _kernel_offsets(ksize, dilation):
        where = indices[:, 1:].long()
        if transposed:
            where = where * steps - pad + offset
            met = _inside(where, out_shape)
        else:
            where = where + pad - offset
            met = (where % steps == 0).all(1)
            where = where.div(steps, rounding_mode='floor')
            met &= _inside(where, out_shape)
        rows = met.nonzero()[:, 0]
        sources.append(rows)
        outputs.append(torch.cat([indices[rows, :1].long(), where[rows]], 1))
        counts.append(len(rows))
    reached = torch.cat(outputs)
    keys, number = torch.unique(
        _keys(reached, batch_size, out_shape), return_inverse=True)
    first = torch.full_like(keys, len(reached)).scatter_reduce_(
        0, number, torch.arange(len(reached)), 'amin')
    by_first = first.argsort()
    rank = torch.empty_like(by_first)
    rank[by_first] = torch.arange(len(by_first))
    pairs = _no_pairs(len(counts), indices)
    for k, (rows,
            target) in enumerate(zip(sources, rank[number].split(counts))):
        pairs[:, k, :len(rows)] = torch.stack([rows, target]).int()
    return (reached[first[by_first]].to(indices.dtype), pairs,
            torch.tensor(counts, dtype=indices.dtype))


def _kernel_offsets(ksize: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Coordinates (K, D) of the positions of a kernel, the last axis first."""
    sides = [torch.arange(side) * step for side, step in zip(ksize, dilation)]
    return torch.stack(torch.meshgrid(sides, indexing='ij'), -1).flatten(0, -2)


def _keys(indices: Tensor, batch_size: int, shape: Sequence[int]) -> Tensor:
    """One int64 for every voxel (N, 1 + D) of a grid."""
    if batch_size * math.prod(shape) > _INT64_MAX:
        raise ValueError(
            f'a batch of {batch_size} grids of {list(shape)} voxels is beyond '
            'int64: the scans have points far away from all others; remove '
            'them, or take larger voxels')
    keys = indices[:, 0]
    for axis, side in enumerate(shape, start=1):
        keys = keys * side + indices[:, axis]
    return keys


def _inside(coordinates: Tensor, shape: Sequence[int]) -> Tensor:
    """Whether coordinates (N, D) lie within a grid: (N,) bool."""
    return ((coordinates >= 0) & (coordinates < torch.tensor(shape))).all(1)


def _no_pairs(positions: int, indices: Tensor) -> Tensor:
    return indices.new_full((2, positions, len(indices)), -1)
