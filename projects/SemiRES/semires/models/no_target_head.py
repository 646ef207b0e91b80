"""Whether a sentence means anything in the image."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class NoTargetHead(BaseModule):
    """Classifies an image and a sentence: is something meant, or nothing?

    GRES (CVPR 2023) has such a classifier for gRefCOCO; this one is a small
    one of our own. It reads the deepest features, in which the words are
    fused with the image, by their mean and their maximum over the image, and
    the sentence.

    Args:
        in_channels (int): Channels of the features.
        text_channels (int): Channels of the sentence.
        channels (int): Of the hidden layer.
        threshold (float): From this probability on nothing is meant.
        loss_weight (float): Factor of the cross entropy.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 in_channels: int,
                 text_channels: int,
                 channels: int = 256,
                 threshold: float = 0.5,
                 loss_weight: float = 1.,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if not 0 <= threshold <= 1:
            raise ValueError(f'no_target.threshold={threshold} is a '
                             'probability, it must be between 0 and 1')
        self.threshold = threshold
        self.loss_weight = loss_weight
        self.layers = nn.Sequential(
            nn.Linear(2 * in_channels + text_channels, channels), nn.ReLU(),
            nn.Linear(channels, 2))

    def forward(self, features: Tensor, sentence: Tensor) -> Tensor:
        """Classify B pairs.

        Args:
            features (Tensor): (B, C, H, W) of the deepest level.
            sentence (Tensor): (B, T).

        Returns:
            Tensor: (B, 2) logits, of something and of nothing, float32.
        """
        pooled = [features.mean((2, 3)), features.amax((2, 3)), sentence]
        logits = self.layers(torch.cat(pooled, 1))
        return logits if logits.dtype == torch.float64 else logits.float()

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross entropy with what the masks say.

        Args:
            logits (Tensor): (B, 2).
            targets (Tensor): (B, H, W) int64 masks; nothing is meant where
                no pixel is 1.

        Returns:
            Tensor: Scalar.
        """
        nothing = (targets != 1).flatten(1).all(1).long()
        return self.loss_weight * F.cross_entropy(logits, nothing)

    def probability(self, logits: Tensor) -> Tensor:
        """(B,) probability that nothing is meant."""
        return logits.softmax(1)[:, 1]
