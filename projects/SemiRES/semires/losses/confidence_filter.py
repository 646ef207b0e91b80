"""Pixel weights 0 and 1 by a threshold on the confidence."""
from __future__ import annotations

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class ConfidenceFilter(nn.Module):
    """Drop the pixels that the teacher is not sure of.

    The usual alternative to :class:`PWA` in semi-supervised segmentation.

    Args:
        threshold: Probability of the more likely class that a pixel needs.
    """

    def __init__(self, threshold: float = 0.9) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, prob: Tensor) -> Tensor:
        """Weights of foreground probabilities, float32 of the same shape."""
        prob = prob.float()
        return (torch.maximum(prob, 1 - prob) >= self.threshold).float()
