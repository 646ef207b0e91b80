"""Sums over all pairs of two sets of vectors, in memory of a few of them."""
from __future__ import annotations
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import linear

from .chunks import pairs_at_once, slices
from .onednn import onednn_linear


def pairwise_log_sum_exp(x: Tensor, y: Tensor, bias: Tensor) -> Tensor:
    """Compute ``log sum_j exp(x_i y_j + b_j)`` for all i.

    The pairs are visited in squares and computed again in the backward pass,
    so that the memory does not grow with their number.

    Args:
        x (Tensor): (P, C).
        y (Tensor): (N, C).
        bias (Tensor): (N,), without a gradient.

    Returns:
        Tensor: (P,).
    """
    side = math.isqrt(pairs_at_once(x.device))
    return _PairwiseLogSumExp.apply(x, y, bias, side)


class _PairwiseLogSumExp(torch.autograd.Function):
    """Squares of ``side`` times ``side`` pairs, one after the other."""

    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor, bias: Tensor, side: int) -> Tensor:
        ctx.side = side
        out = x.new_full((len(x), ), -math.inf)
        for rows, columns, product in _squares(len(x), len(y), side):
            scores = product(x[rows], y[columns], bias[columns])
            out[rows] = torch.logaddexp(out[rows], scores.logsumexp(1))
        ctx.save_for_backward(x, y, bias, out)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor):
        x, y, bias, out = ctx.saved_tensors
        grad_x, grad_y = torch.zeros_like(x), torch.zeros_like(y)
        # One more channel subtracts the log-sum-exp from every product.
        x_and_sum = torch.cat([x, -out.unsqueeze(1)], 1)
        y_and_one = torch.nn.functional.pad(y, (0, 1), value=1.)
        scaled = x * grad.unsqueeze(1)
        for rows, columns, product in _squares(len(x), len(y), ctx.side):
            # Softmax over the negatives.
            weights = product(x_and_sum[rows], y_and_one[columns],
                              bias[columns]).exp_()
            grad_x[rows] += product(weights, y[columns].t())
            grad_y[columns] += product(weights.t(), scaled[rows].t())
        return grad_x.mul_(grad.unsqueeze(1)), grad_y, None, None


def _squares(num_rows: int, num_columns: int,
             side: int) -> Iterator[tuple[slice, slice, Callable]]:
    """Yield rows and columns of squares of pairs, and a function for their
    products: oneDNN for whole squares, which are all of one shape."""
    for rows in slices(num_rows, side):
        for columns in slices(num_columns, side):
            whole = rows.stop <= num_rows and columns.stop <= num_columns
            yield rows, columns, onednn_linear if whole else linear
