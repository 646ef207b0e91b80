from __future__ import annotations
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class ReferringCrossEntropy(BaseModule):
    """Cross entropy of background and target, in float32.

    Args:
        class_weight (Sequence[float], optional): Weights of the background
            and of the target. The released code has 0.9 and 1.1.
        reduction (str): What the sum over the pixels is divided by:
            'weighted_mean', the sum of their class weights, as in the burn-in
            stage; 'pixel_mean', their number, as in the mutual-learning stage
            of the released code.
        loss_weight (float): Factor of the result.
        ignore_index (int): Target of pixels that do not count, such as
            padding.
    """

    def __init__(self,
                 class_weight: Sequence[float] | None = (0.9, 1.1),
                 reduction: str = 'weighted_mean',
                 loss_weight: float = 1.,
                 ignore_index: int = 255) -> None:
        super().__init__()
        if reduction not in ('weighted_mean', 'pixel_mean'):
            raise ValueError("reduction must be 'weighted_mean' or "
                             f"'pixel_mean', got {reduction!r}")
        self.class_weight = class_weight
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.ignore_index = ignore_index

    def forward(self,
                logits: Tensor,
                targets: Tensor,
                pixel_weights: Tensor | None = None) -> Tensor:
        """Compare logits with targets.

        Args:
            logits (Tensor): (B, 2, H, W); B may be 0.
            targets (Tensor): (B, H, W) int64, 0, 1 or ``ignore_index``.
            pixel_weights (Tensor, optional): (B, H, W) factors of the pixels'
                losses. They do not change what the sum is divided by.

        Returns:
            Tensor: Scalar; 0 if there is no pixel.
        """
        with torch.autocast(logits.device.type, enabled=False):
            if logits.dtype != torch.float64:
                logits = logits.float()
            counted = targets != self.ignore_index
            weight = None
            divisor = counted.to(logits.dtype)
            if self.class_weight is not None:
                weight = logits.new_tensor(self.class_weight)
                if self.reduction == 'weighted_mean':
                    divisor = weight[targets * counted] * counted
            loss = F.cross_entropy(
                logits,
                targets,
                weight=weight,
                ignore_index=self.ignore_index,
                reduction='none')  # (B, H, W)
            if pixel_weights is not None:
                loss = loss * pixel_weights
            divisor = divisor.sum().clamp(min=torch.finfo(loss.dtype).tiny)
            return self.loss_weight * loss.sum() / divisor
