from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import softplus


@MODELS.register_module()
class WeightedBCE(nn.Module):
    """Binary cross entropy with heavier positives (L_seg, Sec. 3.5).

    Positive points are multiplied by a weight; the mean is the plain one over
    all points of an expression, then over the expressions, as released. The
    paper writes the unweighted form, ``positive_weight=1``.

    Args:
        positive_weight (float): Weight of the points of the target.
        loss_weight (float): Weight in the total loss.
    """

    def __init__(self,
                 positive_weight: float = 20.,
                 loss_weight: float = 1.) -> None:
        super().__init__()
        self.positive_weight = positive_weight
        self.loss_weight = loss_weight

    def forward(self, logits: list[Tensor], features: list[Tensor],
                positive: list[Tensor], negative: list[Tensor]) -> Tensor:
        """Compute the loss in float32.

        Args:
            logits (list[Tensor]): Of length B, each (E_i, M_i).
            features (list[Tensor]): Unused.
            positive (list[Tensor]): Of length B, each (E_i, M_i): points of
                the target that share a row of the logits. For logits of
                points, the mask as numbers.
            negative (list[Tensor]): The other points, likewise.

        Returns:
            Tensor: Scalar.
        """
        means = []
        for z, pos, neg in zip(logits, positive, negative):
            z = z.float() if z.dtype != torch.float64 else z
            total = (self.positive_weight * pos * softplus(-z) +
                     neg * softplus(z)).sum(1)
            means.append(total / (pos + neg).sum(1))
        return self.loss_weight * torch.cat(means).mean()
