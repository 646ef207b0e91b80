"""Correct and fast sparse convolutions on the CPU (repair of spconv 2.3.8).

Two defects of spconv's CPU path are repaired by replacing the two functions
that its autograd classes call:

* ``scatter_add_cpu`` shares two pointers between OpenMP threads, so with more
  than one thread convolutions silently return wrong values;
* ``indice_conv_backward`` asks for a CUDA stream before it looks at the
  device, so that a CPU-only torch raises.

CUDA tensors take spconv's own path untouched. The repair becomes unnecessary
with the first spconv release whose CPU results do not depend on the number of
threads (2.3.8, the newest release in November 2026, is affected).
"""

from __future__ import annotations
import functools
from typing import Iterator

import torch
from torch import Tensor

from .onednn import onednn_linear, uses_onednn

# Pairs per gather - multiply - scatter step. oneDNN compiles a kernel for
# every new shape, which takes longer than a small product. It therefore gets
# steps of one length only, and only where its kernels are well ahead.
_ONEDNN_ROWS = 1024
_ONEDNN_MIN_CHANNELS = 48
_ONEDNN_MIN_PRODUCTS = 2**25
# Elsewhere the two buffers of a step should stay in a cache of megabytes.
_BYTES_PER_STEP = 3 * 2**19


def repair_spconv_cpu() -> None:
    """Replace spconv's CPU convolution, forward and backward (idempotent)."""
    import spconv.pytorch.ops as ops

    if getattr(ops.indice_conv, '_mmlangseg_repaired', False):
        return
    ops.indice_conv = _for_cpu(ops.indice_conv, _indice_conv)
    ops.indice_conv_backward = _for_cpu(ops.indice_conv_backward,
                                        _indice_conv_backward)


def _for_cpu(original, replacement):
    """Send CPU features to ``replacement``, all others to ``original``."""

    @functools.wraps(original)
    def dispatch(features, *args, **kwargs):
        function = original if features.is_cuda else replacement
        return function(features, *args, **kwargs)

    dispatch._mmlangseg_repaired = True
    return dispatch


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
    # Half precision sums in float32, as the CUDA kernels do.
    if subm:  # the centre of the kernel pairs every voxel with itself
        centre = weights[:, weights.shape[1] // 2].contiguous()
        out = _linear(features, centre).to(_sum_dtype(features.dtype))
    else:
        out = features.new_zeros((num_activate_out, weights.shape[0]),
                                 dtype=_sum_dtype(features.dtype))
    rows = _rows_per_step(features, weights)
    gathered = features.new_empty((rows, features.shape[1]))
    by_position = weights.transpose(0, 1).contiguous()  # (K, C_out, C_in)
    for k, rows_in, rows_out in _steps(indice_pairs, indice_pair_num, inverse,
                                       subm, rows):
        _gather(features, rows_in, gathered)
        _scatter_add(out, rows_out,
                     _step_product(gathered, len(rows_in), by_position[k]))
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
    rows = _rows_per_step(features, weights)
    gathered_in = features.new_empty((rows, features.shape[1]))
    gathered_out = features.new_empty((rows, out_bp.shape[1]))
    by_position = weights.permute(1, 2, 0).contiguous()  # (K, C_in, C_out)
    for k, rows_in, rows_out in _steps(indice_pairs, indice_pair_num, inverse,
                                       subm, rows):
        x = _gather(features, rows_in, gathered_in)
        g = _gather(out_bp, rows_out, gathered_out)
        _scatter_add(grad_in, rows_in,
                     _step_product(gathered_out, len(g), by_position[k]))
        grad_weights[:, k] += g.t() @ x
    return (grad_in.to(dtype),
            grad_weights.to(filters.dtype).reshape(filters.shape))


def _steps(indice_pairs: Tensor, indice_pair_num: Tensor, inverse: bool,
           subm: bool,
           rows_per_step: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield (kernel position, input rows, output rows) of small steps.

    A submanifold table counts only the pairs of the first half of the kernel;
    the second half mirrors them, and the centre, the identity, is left to the
    caller.
    """
    rows_in, rows_out = indice_pairs[int(inverse)], indice_pairs[1 -
                                                                 int(inverse)]
    counts = indice_pair_num.tolist()
    if subm:
        half = len(counts) // 2
        counts = counts[:half] + [0] + counts[:half][::-1]
    for k, count in enumerate(counts):
        for start in range(0, count, rows_per_step):
            step = slice(start, min(start + rows_per_step, count))
            # index_add_ is several times slower with int32 rows.
            yield k, rows_in[k, step].long(), rows_out[k, step].long()


def _rows_per_step(features: Tensor, weights: Tensor) -> int:
    """Pairs per step for weights (C_out, K, C_in)."""
    channels = weights.shape[0], weights.shape[2]
    if uses_onednn(features) and min(channels) >= _ONEDNN_MIN_CHANNELS:
        return _ONEDNN_ROWS
    return max(1, _BYTES_PER_STEP // (max(channels) * features.element_size()))


def _gather(source: Tensor, rows: Tensor, buffer: Tensor) -> Tensor:
    out = buffer[:len(rows)]
    torch.index_select(source, 0, rows, out=out)
    return out


def _scatter_add(out: Tensor, rows: Tensor, values: Tensor) -> None:
    """``out[rows] += values``, on the narrowest slice of ``out``: the cost of
    ``index_add_`` grows with the rows of the tensor it is called on."""
    first, last = (int(v) for v in rows.aminmax())
    out[first:last + 1].index_add_(0, rows - first, values.to(out.dtype))


def _sum_dtype(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32


def _step_product(buffer: Tensor, count: int, weight: Tensor) -> Tensor:
    """Product of the first ``count`` rows of a step's buffer and a weight
    (C_out, C_in)."""
    if (len(buffer) == _ONEDNN_ROWS and 2 * count > _ONEDNN_ROWS
            and uses_onednn(buffer)):
        # What is left of an earlier step behind these rows is cut off again.
        return onednn_linear(buffer, weight)[:count]
    return buffer[:count] @ weight.t()


def _linear(x: Tensor, weight: Tensor) -> Tensor:
    """``x @ weight.T``, by oneDNN if that is worth a new kernel."""
    if uses_onednn(x) and x.numel() * len(weight) >= _ONEDNN_MIN_PRODUCTS:
        return onednn_linear(x, weight)
    return x @ weight.t()
