"""Cross entropy against pseudo-labels, refined ones and others."""
from __future__ import annotations
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class PseudoLabelLoss(nn.Module):
    """Loss of the unlabelled images (SemiRES, equation 10).

    Matched samples, or those whose mask is trusted without a match: cross
    entropy with class weights. The others: plain cross entropy times pixel
    weights. Computed in float32.

    Args:
        class_weight: Of background and foreground in matched samples.
        pixel_weight: Config of the module that turns the teacher's
            probability into pixel weights; None weighs all pixels alike.
        averaging: ``'group'``, as released: the means over the matched and
            over the unmatched samples, added, and halved if both occur.
            ``'sample'``: the mean over all samples.
        loss_weight: Factor of the result.
    """

    def __init__(self,
                 class_weight: Sequence[float] = (0.9, 1.1),
                 pixel_weight: dict | None = dict(type='PWA'),
                 averaging: str = 'group',
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        if averaging not in ('group', 'sample'):
            raise ValueError(f'averaging={averaging!r} is not one of "group", '
                             '"sample"')
        if len(class_weight) != 2:
            raise ValueError('class_weight needs 2 numbers, background and '
                             f'foreground, not {len(class_weight)}')
        self.register_buffer(
            'class_weight',
            torch.tensor(class_weight, dtype=torch.float32),
            persistent=False)
        self.pixel_weight = None
        if pixel_weight is not None:
            self.pixel_weight = MODELS.build(pixel_weight)
        self.averaging = averaging
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor, matched: Tensor,
                prob: Tensor) -> Tensor:
        """Compute the loss of B samples.

        Args:
            logits: The student's, (B, 2, H, W).
            labels: Refined masks, or pseudo-labels where nothing matched,
                bool or integer (B, H, W).
            matched: Which samples are matched, or trusted, bool (B,).
            prob: The teacher's foreground probability, (B, H, W).

        Returns:
            Tensor: Scalar, float32.
        """
        with torch.autocast(logits.device.type, enabled=False):
            pixels = self._pixel_losses(logits.float(), labels.long(), matched,
                                        prob)
            samples = pixels.mean((1, 2))  # (B,)
            if self.averaging == 'sample':
                return self.loss_weight * samples.mean()
            groups = [
                samples[group].mean() for group in (matched, ~matched)
                if group.any()
            ]
            return self.loss_weight * sum(groups) / len(groups)

    def _pixel_losses(self, logits: Tensor, labels: Tensor, matched: Tensor,
                      prob: Tensor) -> Tensor:
        """(B, H, W) with the weights of the sample's group."""
        losses = F.cross_entropy(logits, labels, reduction='none')
        weights = self.class_weight[labels]
        others = 1. if self.pixel_weight is None else self.pixel_weight(prob)
        return losses * torch.where(matched[:, None, None], weights, others)
