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
  voxels some that are far apart count as neighbors, without an error.

CUDA tensors take spconv's own path untouched. The repair becomes unnecessary
with the first spconv release whose CPU results do not depend on the number of
threads (2.3.8, the newest release in November 2026, is affected).
"""

from __future__ import annotations
import copy
import functools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from . import chunks
from .onednn import onednn_linear, uses_onednn
from .sparse_tables import of_any_volume


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

    setattr(dispatch, '_mmlangseg_repaired', True)
    return dispatch


def _natively(conv_forward):
    """Let a layer use the algorithm of the CPU for tensors that are there."""
    from spconv.core import ConvAlgo

    @functools.wraps(conv_forward)
    def forward(layer, training, x, *args, **kwargs):
        if not x.features.is_cuda and layer.algo != ConvAlgo.Native:
            # a copy that shares the weights: threads share the layer
            layer = copy.copy(layer)
            layer.algo = ConvAlgo.Native
        return conv_forward(layer, training, x, *args, **kwargs)

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
    """Sparse convolution as gather, multiply, scatter-add.

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
    if subm:  # the center of the kernel pairs every voxel with itself
        center = weights[:, weights.shape[1] // 2].contiguous()
        out = _linear(features, center).to(_sum_dtype(features.dtype))
    else:
        out = features.new_zeros((num_activate_out, weights.shape[0]),
                                 dtype=_sum_dtype(features.dtype))
    plan, steps = _plan(features, weights, indice_pairs, indice_pair_num,
                        inverse, subm)
    gathered = features.new_empty((plan.rows, features.shape[1]))
    by_position = weights.transpose(0, 1).contiguous()  # (K, C_out, C_in)
    for source, target, parts in steps:
        _gather(features, source, gathered)
        _scatter_add(out, target, plan.product(gathered, parts, by_position))
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
        center = weights.shape[1] // 2
        weight_t = weights[:, center].t().contiguous()
        grad_in = _linear(out_bp, weight_t).to(_sum_dtype(dtype))
        grad_weights[:, center] = out_bp.t() @ features
    else:
        grad_in = torch.zeros_like(features, dtype=_sum_dtype(dtype))
    plan, steps = _plan(features, weights, indice_pairs, indice_pair_num,
                        inverse, subm)
    gathered_in = features.new_empty((plan.rows, features.shape[1]))
    gathered_out = features.new_empty((plan.rows, out_bp.shape[1]))
    by_position = weights.permute(1, 2, 0).contiguous()  # (K, C_in, C_out)
    for source, target, parts in steps:
        x = _gather(features, source, gathered_in)
        g = _gather(out_bp, target, gathered_out)
        _scatter_add(grad_in, source,
                     plan.product(gathered_out, parts, by_position))
        for k, part in parts:
            grad_weights[:, k] += g[part].t() @ x[part]
    return (grad_in.to(dtype),
            grad_weights.to(filters.dtype).reshape(filters.shape))


class _Rows(NamedTuple):
    """Input or output rows of the pairs of a step."""

    index: Tensor  # (P,) int64: index_add_ is much slower with int32
    first: int
    last: int
    shifted: Tensor  # index - first

    @classmethod
    def of(cls, index: Tensor) -> _Rows:
        first, last = (int(v) for v in index.aminmax())
        return cls(index, first, last, index - first)


class _Step(NamedTuple):
    """Pairs that are computed at once."""

    source: _Rows
    target: _Rows
    parts: list[tuple[int, slice]]  # kernel position, pairs within the step


class _StepPlan(NamedTuple):
    """How the pairs are cut into gather - multiply - scatter steps."""

    rows: int  # pairs per step
    onednn: bool  # products of exactly `rows` rows, by oneDNN

    @classmethod
    def choose(cls, features: Tensor, weights: Tensor,
               counts: list[int]) -> _StepPlan:
        """Plan for weights (C_out, K, C_in) and pairs per kernel position."""
        channels = weights.shape[0], weights.shape[2]
        # A step with less than half of its rows is not worth the fixed length
        typical = sum(counts) / len(counts)
        if (uses_onednn(features)
                and min(channels) >= chunks.ONEDNN_MIN_CHANNELS
                and 2 * typical > chunks.ONEDNN_ROWS):
            return cls(chunks.ONEDNN_ROWS, True)
        row_bytes = max(channels) * features.element_size()
        return cls(max(1, chunks.SPARSE_STEP_BYTES // row_bytes), False)

    def cut(self, counts: list[int]) -> Iterator[tuple[slice, list]]:
        """Yield the pairs of each step, as a slice, and its parts.

        oneDNN's steps have one part; the others are filled with the pairs of
        several positions, or the calls would take longer than the work of a
        small table.
        """
        start, filled, parts = 0, 0, []
        for k, count in enumerate(counts):
            while count:
                n = min(count, self.rows - filled)
                parts.append((k, slice(filled, filled + n)))
                filled, count = filled + n, count - n
                if filled == self.rows or self.onednn:
                    yield slice(start, start + filled), parts
                    start, filled, parts = start + filled, 0, []
        if parts:
            yield slice(start, start + filled), parts

    def product(self, buffer: Tensor, parts: list, weights: Tensor) -> Tensor:
        """Products of a step's rows with ``weights`` (K, C_out, C_in)."""
        if self.onednn:
            (k, part), = parts
            # Rows left of an earlier step behind these are cut off again.
            if 2 * part.stop > self.rows:
                return onednn_linear(buffer, weights[k])[part]
            return buffer[part] @ weights[k].t()
        out = buffer.new_empty((parts[-1][1].stop, weights.shape[1]))
        for k, part in parts:
            torch.mm(buffer[part], weights[k].t(), out=out[part])
        return out


def _plan(features: Tensor, weights: Tensor, table: Tensor, counts: Tensor,
          inverse: bool, subm: bool) -> tuple[_StepPlan, list[_Step]]:
    """Cut the pairs of a table (2, K, N) into steps.

    They are kept with the table, which all layers of a level and all
    sentences of a scene share.
    """
    counts = counts.tolist()
    if subm:
        # A submanifold table counts the pairs of the first half of the kernel
        # only; the second half mirrors them, and the center, the identity, is
        # left to the caller.
        half = len(counts) // 2
        counts = counts[:half] + [0] + counts[:half][::-1]
    plan = _StepPlan.choose(features, weights, counts)
    kept = table.__dict__.setdefault('_mmlangseg_steps', {})
    if (plan, inverse) not in kept:
        source, target = (
            torch.cat([rows[:n] for rows, n in zip(side, counts)]).long()
            for side in (table.flip(0) if inverse else table))
        kept[plan, inverse] = [
            _Step(_Rows.of(source[rows]), _Rows.of(target[rows]), parts)
            for rows, parts in plan.cut(counts)
        ]
    return plan, kept[plan, inverse]


def _gather(values: Tensor, rows: _Rows, buffer: Tensor) -> Tensor:
    out = buffer[:len(rows.index)]
    torch.index_select(values, 0, rows.index, out=out)
    return out


def _scatter_add(out: Tensor, rows: _Rows, values: Tensor) -> None:
    """``out[rows] += values``, on the narrowest slice of ``out``: the cost of
    ``index_add_`` grows with the rows of the tensor it is called on."""
    out[rows.first:rows.last + 1].index_add_(0, rows.shifted,
                                             values.to(out.dtype))


def _sum_dtype(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32


def _linear(x: Tensor, weight: Tensor) -> Tensor:
    """``x @ weight.T``, by oneDNN if that is worth a new kernel."""
    if uses_onednn(
            x) and x.numel() * len(weight) >= chunks.ONEDNN_MIN_PRODUCTS:
        return onednn_linear(x, weight)
    return x @ weight.t()
