from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class AreaRegularization(nn.Module):
    """Mean foreground probability of all points (L_area, Sec. 3.5).

    Keeps a mask from spreading over the scene.

    Args:
        loss_weight (float): Weight in the total loss: 1 in the paper, 10 in
            the released code.
    """

    def __init__(self, loss_weight: float = 1.) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: list[Tensor], features: list[Tensor],
                positive: list[Tensor], negative: list[Tensor]) -> Tensor:
        """As :meth:`WeightedBCE.forward`."""
        means = []
        for z, pos, neg in zip(logits, positive, negative):
            z = z.float() if z.dtype != torch.float64 else z
            counts = pos + neg
            means.append((z.sigmoid() * counts).sum(1) / counts.sum(1))
        return self.loss_weight * torch.cat(means).mean()
