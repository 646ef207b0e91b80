from __future__ import annotations
import math
from typing import Callable, Iterator, Optional

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid, normalize

from mmlangseg.cpu.onednn import onednn_linear


@MODELS.register_module()
class PointContrast(nn.Module):
    """Point-to-point contrastive loss (L_p2p, Sec. 3.5, Eq. 9).

    Pulls the points of the target to their mean c and pushes them from every
    other point j of the scene. With L2-normalised features f::

        s_i = exp(f_i c / t) / (exp(f_i c / t) + sum_j exp(f_i f_j / t))

    All positives meet all negatives; the pairs are visited in squares and
    recomputed in the backward pass, so the memory does not grow with their
    number. Computed in float32 as log-sum-exp under any autocast.

    Args:
        temperature (float): t. The paper states none, the released code 0.05.
        reduction (str): Over the positives of one expression:
            'log_mean', ``-log(mean s_i)``, as released; 'mean_log',
            ``-mean(log s_i)``, the usual InfoNCE; 'mean', ``-mean(s_i)``, as
            Eq. 9 is printed. The mean over expressions follows; those
            without positives or without negatives do not take part.
        loss_weight (float): Weight in the total loss.
        chunk_elements (int, optional): Pairs held in memory at once. By
            default 2**20 on the CPU, where a few megabytes stay in the cache,
            and 2**26, some 256 MB per copy, on a GPU, which has nothing to do
            between many small products.
    """

    def __init__(self,
                 temperature: float = 0.05,
                 reduction: str = 'log_mean',
                 loss_weight: float = 0.05,
                 chunk_elements: Optional[int] = None) -> None:
        super().__init__()
        if reduction not in _REDUCTIONS:
            raise ValueError(f'reduction must be one of {list(_REDUCTIONS)}, '
                             f'got {reduction!r}')
        self.temperature = temperature
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.chunk_elements = chunk_elements

    def forward(self, logits: list[Tensor], features: list[Tensor],
                positive: list[Tensor], negative: list[Tensor]) -> Tensor:
        """Compute the loss.

        Args:
            logits (list[Tensor]): Unused.
            features (list[Tensor]): Of length B, each (E_i, M_i, C).
            positive (list[Tensor]): Of length B, each (E_i, M_i): points of
                the target that share a row of the features.
            negative (list[Tensor]): The other points, likewise.

        Returns:
            Tensor: Scalar.
        """
        losses = []
        device_type = features[0].device.type
        with torch.autocast(device_type, enabled=False):
            for f, pos, neg in zip(features, positive, negative):
                f = normalize(
                    f if f.dtype == torch.float64 else f.float(), dim=-1)
                losses += [
                    self._one_expression(*one) for one in zip(f, pos, neg)
                    if one[1].any() and one[2].any()
                ]
            if not losses:  # keeps the graph of DistributedDataParallel whole
                return sum(f[:, :0].float().sum() for f in features)
            return self.loss_weight * torch.stack(losses).mean()

    def _one_expression(self, features: Tensor, positive: Tensor,
                        negative: Tensor) -> Tensor:
        """Loss of normalised features (M, C) and point counts (M,)."""
        is_positive, is_negative = positive > 0, negative > 0
        positive, negative = positive.to(features), negative.to(features)
        weights = positive[is_positive] / positive.sum()
        anchors = features[is_positive]
        prototype = weights @ anchors
        pairs = self.chunk_elements or default_chunk(features.device)
        against = _PairwiseLogSumExp.apply(anchors / self.temperature,
                                           features[is_negative],
                                           negative[is_negative].log(),
                                           math.isqrt(pairs))
        log_s = logsigmoid(anchors @ prototype / self.temperature - against)
        return _REDUCTIONS[self.reduction](log_s, weights)


def default_chunk(device: torch.device) -> int:
    """Pairs that a device is given at once."""
    return 2**20 if device.type == 'cpu' else 2**26


_REDUCTIONS = {
    'log_mean': lambda log_s, w: -torch.logsumexp(log_s + w.log(), 0),
    'mean_log': lambda log_s, w: -(log_s * w).sum(),
    'mean': lambda log_s, w: -(log_s.exp() * w).sum(),
}


class _PairwiseLogSumExp(torch.autograd.Function):
    """``log sum_j exp(x_i y_j + b_j)`` for all i, a square of pairs at a
    time.

    Inputs x (P, C), y (N, C), b (N,); output (P,). The backward pass computes
    the (P, N) products again instead of keeping them.
    """

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
    for i in range(0, num_rows, side):
        for j in range(0, num_columns, side):
            whole = max(i + side - num_rows, j + side - num_columns) <= 0
            yield (slice(i, i + side), slice(j, j + side),
                   onednn_linear if whole else linear)
