"""Correct and fast sparse convolutions on the CPU (repair of spconv 2.3.8).

Defects of spconv's CPU path are repaired by replacing the two functions that
its autograd classes call, the one that makes index tables, and one method of
the layers:

* ``scatter_add_cpu`` shares two pointers between OpenMP threads, so with more
  than one thread convolutions silently return wrong values;
* ``indice_conv_backward`` asks for a CUDA stream before it looks at the
  device, so that a CPU-only torch raises;
* where spconv is built for CUDA, its layers take an algorithm that the CPU
  does not have;
* the voxels are looked up by an int32, so that in grids of more than 2^32
  voxels some that are far apart count as neighbours, without an error.

CUDA tensors take spconv's own path untouched. The repair becomes unnecessary
with the first spconv release whose CPU results do not depend on the number of
threads (2.3.8, the newest release in November 2026, is affected).
"""

from __future__ import annotations
import functools
from typing import Iterator, NamedTuple, Sequence

import torch
from torch import Tensor

from .onednn import onednn_linear, uses_onednn
from .spconv_tables import of_any_volume

# Pairs per gather - multiply - sum step: enough for long products, and few
# enough for its two buffers to stay in a cache of megabytes.
_PAIRS_PER_STEP = 2**13
# oneDNN compiles a kernel for every new shape, which takes longer than a
# small product. It therefore gets products of one length only, and only where
# its kernels are well ahead.
_ONEDNN_ROWS = 1024
_ONEDNN_MIN_CHANNELS = 48
_ONEDNN_MIN_PRODUCTS = 2**25


def repair_spconv_cpu() -> None:
    """Replace spconv's CPU convolution, forward and backward, and its index
    tables of large grids (idempotent)."""
    import spconv.pytorch.ops as ops
    from spconv.pytorch.conv import SparseConvolution

    if getattr(ops.indice_conv, '_mmlangseg_repaired', False):
        return
    ops.indice_conv = _for_cpu(ops.indice_conv, _indice_conv)
    ops.indice_conv_backward = _for_cpu(ops.indice_conv_backward,
                                        _indice_conv_backward)
    ops.get_indice_pairs = of_any_volume(ops.get_indice_pairs)
    SparseConvolution._conv_forward = _natively(
        SparseConvolution._conv_forward)


def _for_cpu(original, replacement):
    """Send CPU features to ``replacement``, all others to ``original``."""

    @functools.wraps(original)
    def dispatch(features, *args, **kwargs):
        function = original if features.is_cuda else replacement
        return function(features, *args, **kwargs)

    dispatch._mmlangseg_repaired = True
    return dispatch


def _natively(conv_forward):
    """Let a layer use the algorithm of the CPU for tensors that are there."""
    from spconv.core import ConvAlgo

    @functools.wraps(conv_forward)
    def forward(layer, training, x, *args, **kwargs):
        algo = layer.algo
        if not x.features.is_cuda:
            layer.algo = ConvAlgo.Native
        try:
            return conv_forward(layer, training, x, *args, **kwargs)
        finally:
            layer.algo = algo

    return forward


def _indice_conv(features: Tensor,
                 filters: Tensor,
                 indice_pairs: Tensor,
                 indice_pair_num: Tensor,
                 num_activate_out: int,
                 inverse: bool = False,
                 subm: bool = False,
                 algo=None,
                 timer=None,
                 bias: Tensor | None = None,
                 act_alpha: float = 0.0,
                 act_beta: float = 0.0,
                 act_type=None) -> Tensor:
    """Sparse convolution as gather, multiply and sum.

    Args:
        features (Tensor): (N_in, C_in), any floating dtype.
        filters (Tensor): (C_out, *kernel, C_in).
        indice_pairs (Tensor): (2, K, N) int32; input and output row of every
            pair of each of the K kernel positions.
        indice_pair_num (Tensor): (K,) number of valid pairs.
        num_activate_out (int): N_out.

    Returns:
        Tensor: (N_out, C_out) in the dtype of ``features``.
    """
    if bias is not None:
        raise NotImplementedError(
            'spconv fuses no bias on the CPU: build the layer with bias=False')
    weights = filters.to(features.dtype).flatten(1, -2)  # (C_out, K, C_in)
    # Half precision sums in float32, as the CUDA kernels of LESS are told to.
    if subm:  # the centre of the kernel pairs every voxel with itself
        centre = weights[:, weights.shape[1] // 2].contiguous()
        out = _linear(features, centre).to(_sum_dtype(features.dtype))
    else:
        out = features.new_zeros((num_activate_out, weights.shape[0]),
                                 dtype=_sum_dtype(features.dtype))
    by_position = weights.transpose(0, 1).contiguous()  # (K, C_out, C_in)
    products = _Products(features, by_position, indice_pair_num, subm)
    for step in _steps(indice_pairs, indice_pair_num, num_activate_out,
                       products.pairs, inverse, subm):
        rows = products.gather(features, step)
        step.add_to(out, products.multiply(rows, step))
    return out.to(features.dtype)


def _indice_conv_backward(features: Tensor,
                          filters: Tensor,
                          out_bp: Tensor,
                          indice_pairs: Tensor,
                          indice_pair_num: Tensor,
                          inverse: bool = False,
                          subm: bool = False,
                          algo=None,
                          timer=None) -> tuple[Tensor, Tensor]:
    """Gradients of :func:`_indice_conv` for the features and the filters."""
    dtype = features.dtype
    out_bp = out_bp.to(dtype).contiguous()
    weights = filters.to(dtype).flatten(1, -2)
    grad_weights = torch.zeros_like(weights, dtype=_sum_dtype(dtype))
    if subm:
        centre = weights.shape[1] // 2
        weight_t = weights[:, centre].t().contiguous()
        grad_in = _linear(out_bp, weight_t).to(_sum_dtype(dtype))
        grad_weights[:, centre] = out_bp.t() @ features
    else:
        grad_in = torch.zeros_like(features, dtype=_sum_dtype(dtype))
    by_position = weights.permute(1, 2, 0).contiguous()  # (K, C_in, C_out)
    # From the outputs back to the inputs; a submanifold table goes there if
    # its kernel is turned round.
    order = range(len(by_position))[::-1] if subm else range(len(by_position))
    products = _Products(out_bp, by_position, indice_pair_num, subm)
    for step in _steps(indice_pairs, indice_pair_num, len(features),
                       products.pairs, not inverse and not subm, subm):
        g = products.gather(out_bp, step)
        step.add_to(grad_in, products.multiply(g, step, order))
        x = features[step.rows].index_select(0, step.target)
        for k, part in step.parts:
            grad_weights[:, order[k]] += g[part].t() @ x[part]
    return (grad_in.to(dtype),
            grad_weights.to(filters.dtype).reshape(filters.shape))


class _Step(NamedTuple):
    """The pairs of a range of output rows, by kernel position."""

    rows: slice
    parts: list[tuple[int, slice]]  # kernel position, its pairs in the step
    source: Tensor  # (P,) int32 input row of every pair
    target: Tensor  # (P,) int32 output row of every pair, from rows.start
    by_target: Tensor  # (P,) int32 order of the pairs by output row
    offsets: Tensor  # int32, where the pairs of each output row start in it

    def add_to(self, out: Tensor, products: Tensor) -> None:
        """Add the products (P, C) of the pairs to their rows of ``out``.

        A sum by output rows takes a fraction of the time of ``index_add_``.
        """
        out[self.rows] += torch.embedding_bag(
            products.to(out.dtype), self.by_target, self.offsets, mode=0)[0]


class _Products:
    """Gathers the rows of a step and multiplies them, in buffers.

    Args:
        features (Tensor): (N, C), of which rows are gathered.
        weights (Tensor): (K, C_out, C).
        counts (Tensor): (K,) number of pairs, see :func:`_indice_conv`.
        subm (bool): Whether they are those of a submanifold table.
    """

    def __init__(self, features: Tensor, weights: Tensor, counts: Tensor,
                 subm: bool) -> None:
        self.weights = weights
        channels = weights.shape[1:]
        # A product of less than half of its length is not worth it.
        typical = sum(_pair_counts(counts, subm)) / len(weights)
        self.onednn = (
            uses_onednn(features) and min(channels) >= _ONEDNN_MIN_CHANNELS
            and 2 * typical > _ONEDNN_ROWS)
        self.pairs = _PAIRS_PER_STEP
        if self.onednn:
            self.pairs = max(self.pairs, _ONEDNN_ROWS * len(weights))
        self._gathered = features.new_empty((0, channels[1]))
        self._multiplied = features.new_empty((0, channels[0]))

    def gather(self, features: Tensor, step: _Step) -> Tensor:
        """Input rows (P, C) of a step; the next call overwrites them."""
        count = len(step.source)
        if count > len(self._multiplied):
            # behind them is room for the last product of oneDNN
            self._gathered = features.new_zeros(
                (count + _ONEDNN_ROWS * self.onednn, features.shape[1]))
            self._multiplied = self._multiplied.new_empty(
                (count, self._multiplied.shape[1]))
        rows = self._gathered[:count]
        return torch.index_select(features, 0, step.source, out=rows)

    def multiply(self,
                 rows: Tensor,
                 step: _Step,
                 order: Sequence[int] | None = None) -> Tensor:
        """Products (P, C_out) of gathered rows with the weights of their
        positions, or of those that ``order`` names instead."""
        out = self._multiplied[:len(rows)]
        for k, part in step.parts:
            weight = self.weights[k if order is None else order[k]]
            if not self.onednn:
                torch.mm(rows[part], weight.t(), out=out[part])
                continue
            for start in range(part.start, part.stop, _ONEDNN_ROWS):
                stop = min(start + _ONEDNN_ROWS, part.stop)
                # Rows of other positions behind these are cut off again.
                block = self._gathered[start:start + _ONEDNN_ROWS]
                out[start:stop] = onednn_linear(block, weight)[:stop - start]
        return out


def _steps(table: Tensor, counts: Tensor, num_out: int, pairs: int,
           inverse: bool, subm: bool) -> list[_Step]:
    """Cut the pairs of a table (2, K, N) into steps of about ``pairs``.

    They are kept with the table, which all layers of a level and all
    sentences of a scene share.
    """
    kept = table.__dict__.setdefault('_mmlangseg_steps', {})
    if (pairs, inverse) not in kept:
        kept[pairs, inverse] = list(
            _cut(
                table.flip(0) if inverse else table,
                _pair_counts(counts, subm), num_out, pairs))
    return kept[pairs, inverse]


def _cut(table: Tensor, counts: list[int], num_out: int,
         pairs: int) -> Iterator[_Step]:
    """Yield the steps of a table whose positions have ``counts`` pairs."""
    if not sum(counts):
        return
    size = -(-pairs * num_out // sum(counts))  # output rows of a step
    source, target = (
        torch.cat([rows[:n] for rows, n in zip(side, counts)])
        for side in table)
    position = torch.repeat_interleave(
        torch.arange(len(counts)), torch.tensor(counts))
    group = target // size * len(counts) + position
    order = group.argsort(stable=True)
    source, target = source[order], target[order]
    steps = -(-num_out // size)
    filled = torch.bincount(group, minlength=steps * len(counts))
    start = 0
    for i, part_sizes in enumerate(filled.view(steps, -1).tolist()):
        first, count = i * size, sum(part_sizes)
        if not count:
            continue
        parts, end = [], 0
        for k, n in enumerate(part_sizes):
            if n:
                parts.append((k, slice(end, end + n)))
                end += n
        rows = slice(first, min(first + size, num_out))
        local = target[start:start + count] - first
        ends = torch.bincount(local, minlength=rows.stop - first).cumsum(0)
        yield _Step(rows, parts, source[start:start + count].clone(), local,
                    local.argsort(stable=True).int(),
                    torch.cat([ends.new_zeros(1), ends[:-1]]).int())
        start += count


def _pair_counts(counts: Tensor, subm: bool) -> list[int]:
    """Pairs of every kernel position, but for the center of a submanifold
    kernel, the identity, which is left to the caller.

    A submanifold table counts the pairs of the first half of the kernel only;
    the second half mirrors them.
    """
    listed = counts.tolist()
    if subm:
        half = len(listed) // 2
        listed = listed[:half] + [0] + listed[:half][::-1]
    return listed


def _sum_dtype(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32


def _linear(x: Tensor, weight: Tensor) -> Tensor:
    """``x @ weight.T``, by oneDNN if that is worth a new kernel."""
    if uses_onednn(x) and x.numel() * len(weight) >= _ONEDNN_MIN_PRODUCTS:
        return onednn_linear(x, weight)
    return x @ weight.t()
