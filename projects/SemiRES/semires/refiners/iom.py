"""IOM: refinement by the single best candidate."""
from __future__ import annotations

import numpy as np
from mmseg.registry import MODELS

from ..candidates import Candidates
from .refinement import Refinement, ratio


@MODELS.register_module()
class IOM:
    """IoU-based optimal matching (SemiRES, section 3.3).

    A pseudo-label becomes the candidate with the largest IoU, the first of
    several, if that IoU is above a threshold.

    Args:
        threshold: The IoU must be greater than this.
    """

    uses_candidates = True

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    def __call__(self, pseudo: np.ndarray,
                 candidates: Candidates | None) -> Refinement:
        """Refine one mask.

        Args:
            pseudo: The teacher's mask, bool (H, W).
            candidates: Those of the image, of the same size; None or empty
                leaves the mask as it is.
        """
        if not candidates:
            return Refinement(pseudo)
        scores = self.scores(pseudo, candidates)
        best = int(scores.argmax())
        if not scores[best] > np.float32(self.threshold):
            return Refinement(pseudo)
        return Refinement(candidates.mask(best), True, [best])

    @staticmethod
    def scores(pseudo: np.ndarray, candidates: Candidates) -> np.ndarray:
        """IoU of each candidate with the mask, float32 (N,)."""
        inter = candidates.intersections(pseudo)
        union = candidates.areas + np.count_nonzero(pseudo) - inter
        return ratio(inter, union)
