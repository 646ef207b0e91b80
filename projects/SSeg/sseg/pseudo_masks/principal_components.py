"""The directions in which the tokens of an image differ most."""
from __future__ import annotations
from functools import lru_cache

import torch
from torch import Tensor

_TOKENS = 192  # that the axes are estimated from, at least
_DAMPING = 1e-7  # of directions that depend on others, relative to the mean


def principal_components(features: Tensor,
                         number: int,
                         weight: Tensor | None = None) -> Tensor:
    """Components of tokens along about their principal axes.

    By one power iteration from random directions, which are always the same
    (Halko, Martinsson and Tropp, 2011), with some hundred of the tokens. The
    axes are orthonormal but in no order.

    Args:
        features: (B, N, D).
        number: M, of axes.
        weight: (B, N), 1 for valid tokens and else 0. None: all 1.

    Returns:
        Tensor: (B, N, M), of features less their mean. Those of tokens
        without weight are 0.
    """
    # all valid tokens, for these may be few
    step = max(1, features.shape[1] // _TOKENS) if weight is None else 1
    some = features[:, ::step]
    directions = _directions(features.shape[2], number).to(features)
    start = _center((some @ directions).transpose(1, 2), weight)
    # start is centered, so there is no need to center the features
    axes = torch.bmm(start, some).double()  # (B, M, D)
    gram = torch.bmm(axes, axes.transpose(1, 2))
    diagonal = gram.diagonal(dim1=1, dim2=2)
    # tokens without a difference have no axis
    diagonal += _DAMPING * diagonal.mean(1, keepdim=True) + 1e-30
    factor, _ = torch.linalg.cholesky_ex(gram)
    axes = torch.linalg.solve_triangular(factor, axes, upper=False)
    rows = torch.bmm(axes.to(features.dtype), features.transpose(1, 2))
    return _center(rows, weight).transpose(1, 2)


@lru_cache(maxsize=8)
def _directions(channels: int, number: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(channels, number, generator=generator)


def _center(rows: Tensor, weight: Tensor | None) -> Tensor:
    """Subtract the mean of rows (B, M, N) over the tokens."""
    if weight is None:
        return rows - rows.mean(2, keepdim=True)
    weight = weight[:, None]
    count = weight.sum(2, keepdim=True).clamp(min=1)
    return (rows - (rows * weight).sum(2, keepdim=True) / count) * weight
