"""What the refiners of pseudo-labels have in common."""
from __future__ import annotations
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Refinement:
    """A pseudo-label after the look at the candidates of its image.

    Attributes:
        mask (np.ndarray): Refined mask, bool (H, W); the pseudo-label itself
            if nothing matched.
        trusted (bool): Whether the mask goes to the term of
            :class:`PseudoLabelLoss` without pixel weights.
        chosen (list[int]): The candidates that ``mask`` is the union of.
    """

    mask: np.ndarray
    trusted: bool = False
    chosen: list[int] = field(default_factory=list)

    @property
    def matched(self) -> bool:
        """Whether a candidate matched."""
        return bool(self.chosen)


def ratio(numerator: np.ndarray, denominator: np.ndarray | int) -> np.ndarray:
    """Divide pixel counts in float32, as PyTorch does; 0 / 0 gives 0.

    Thresholds must be compared with these as float32, too: the released code
    does, and a ratio of exactly 0.7 is not above it.
    """
    denominator = np.broadcast_to(
        np.asarray(denominator, np.float32), numerator.shape)
    out = np.zeros(numerator.shape, np.float32)
    return np.divide(
        numerator.astype(np.float32), denominator, out, where=denominator > 0)
