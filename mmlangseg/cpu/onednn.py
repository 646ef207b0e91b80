from __future__ import annotations
import functools
from pathlib import Path

import torch
from torch import Tensor


def onednn_linear(x: Tensor,
                  weight: Tensor,
                  bias: Tensor | None = None) -> Tensor:
    """Compute ``x @ weight.T + bias``, on the CPU by oneDNN; no autograd.

    oneDNN uses AVX-512 on every vendor's processors. The BLAS behind
    ``torch.mm``, Intel's, does so on Intel's only: on AMD it was measured at
    0.45 of oneDNN's speed, on Intel ahead of it. oneDNN compiles a kernel for
    every new shape, which takes longer than a small product: call this with
    few different shapes only.

    Args:
        x (Tensor): (N, C_in).
        weight (Tensor): (C_out, C_in).
        bias (Tensor, optional): (C_out,).

    Returns:
        Tensor: (N, C_out).
    """
    if uses_onednn(x):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, 'none', [],
                                                  '')
    return torch.nn.functional.linear(x, weight, bias)


def uses_onednn(x: Tensor) -> bool:
    """Whether :func:`onednn_linear` of ``x`` is computed by oneDNN."""
    return (x.dtype == torch.float32 and x.device.type == 'cpu'
            and _has_onednn_linear())


@functools.lru_cache(maxsize=1)
def _has_onednn_linear() -> bool:
    return (torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, '_linear_pointwise')
            and not _is_intel())


def _is_intel() -> bool:
    try:
        return 'GenuineIntel' in Path('/proc/cpuinfo').read_text()
    except OSError:  # not Linux
        return False
