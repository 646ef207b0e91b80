from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, normalize

from mmlangseg.cpu.pairwise import pairwise_log_sum_exp


@MODELS.register_module()
class PointContrast(nn.Module):
    """Point-to-point contrastive loss (L_p2p, Sec. 3.5, Eq. 9).

    Pulls the points of the target to their mean c and pushes them from every
    other point j of the scene. With L2-normalized features f::

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
    """

    def __init__(self,
                 temperature: float = 0.05,
                 reduction: str = 'log_mean',
                 loss_weight: float = 0.05) -> None:
        super().__init__()
        if reduction not in _REDUCTIONS:
            raise ValueError(f'reduction must be one of {list(_REDUCTIONS)}, '
                             f'got {reduction!r}')
        self.temperature = temperature
        self.reduction = reduction
        self.loss_weight = loss_weight

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
        """Loss of normalized features (M, C) and point counts (M,)."""
        is_positive, is_negative = positive > 0, negative > 0
        positive, negative = positive.to(features), negative.to(features)
        weights = positive[is_positive] / positive.sum()
        anchors = features[is_positive]
        prototype = weights @ anchors
        against = pairwise_log_sum_exp(anchors / self.temperature,
                                       features[is_negative],
                                       negative[is_negative].log())
        log_s = logsigmoid(anchors @ prototype / self.temperature - against)
        return _REDUCTIONS[self.reduction](log_s, weights)


_REDUCTIONS = {
    'log_mean': lambda log_s, w: -torch.logsumexp(log_s + w.log(), 0),
    'mean_log': lambda log_s, w: -(log_s * w).sum(),
    'mean': lambda log_s, w: -(log_s.exp() * w).sum(),
}
