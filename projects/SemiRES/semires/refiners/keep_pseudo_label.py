"""No refinement: the plain mean teacher."""
from __future__ import annotations

import numpy as np
from mmseg.registry import MODELS

from ..candidates import Candidates
from .refinement import Refinement


@MODELS.register_module()
class KeepPseudoLabel:
    """Leave every pseudo-label as the teacher makes it.

    Args:
        trusted: Which term of :class:`PseudoLabelLoss` the samples go to:
            the one of refined masks, or the one with pixel weights.
    """

    uses_candidates = False

    def __init__(self, trusted: bool = False) -> None:
        self.trusted = trusted

    def __call__(self, pseudo: np.ndarray,
                 candidates: Candidates | None) -> Refinement:
        """Wrap a mask (H, W); candidates are not looked at."""
        return Refinement(pseudo, self.trusted)
