"""PWA: pixel weights by the confidence of the teacher."""
from __future__ import annotations
import math

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class PWA(nn.Module):
    """Pixel-wise adjustment (SemiRES, section 3.3, equation 9).

    ``w(p) = offset - N(p; mean, variance)`` with the normal density N: small
    where the teacher is undecided.

    Args:
        mean: Probability of the smallest weight.
        variance: Of the normal density.
        offset: Constant term.
    """

    def __init__(self,
                 mean: float = 0.5,
                 variance: float = 0.1,
                 offset: float = 1.3) -> None:
        super().__init__()
        self.mean = mean
        self.variance = variance
        self.offset = offset

    def forward(self, prob: Tensor) -> Tensor:
        """Weights of foreground probabilities, float32 of the same shape."""
        exponent = (prob.float() - self.mean)**2 / (-2 * self.variance)
        peak = 1 / math.sqrt(2 * math.pi * self.variance)
        return self.offset - peak * torch.exp(exponent)
