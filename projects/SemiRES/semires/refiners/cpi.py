"""CPI: refinement by the union of several candidates."""
from __future__ import annotations

import numpy as np
from mmseg.registry import MODELS

from ..candidates import Candidates
from .refinement import Refinement, ratio


@MODELS.register_module()
class CPI:
    """Composite parts integration (SemiRES, section 3.3).

    A pseudo-label becomes the union of all candidates that cover most of it
    ("u", against under-segmentation) or lie mostly inside of it ("o", against
    over-segmentation).

    Args:
        mode: ``'u'``, ``'o'``, or ``'uo'`` for both, as released.
        u_threshold: The covered share of the pseudo-label must be greater.
        o_threshold: The share of the candidate inside must be greater.
        max_area_ratio: Candidates with more than this times the area of the
            pseudo-label are left out; "u" alone lets a mask of the whole
            image pass. None, as released, leaves none out.
    """

    uses_candidates = True

    def __init__(self,
                 mode: str = 'uo',
                 u_threshold: float = 0.7,
                 o_threshold: float = 0.7,
                 max_area_ratio: float | None = None) -> None:
        if mode not in ('u', 'o', 'uo'):
            raise ValueError(f'mode={mode!r} is not one of "u", "o", "uo"')
        self.mode = mode
        self.u_threshold = u_threshold
        self.o_threshold = o_threshold
        self.max_area_ratio = max_area_ratio

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
        chosen = np.flatnonzero(self.passing(pseudo, candidates)).tolist()
        if not chosen:
            return Refinement(pseudo)
        return Refinement(candidates.union(chosen), True, chosen)

    def passing(self, pseudo: np.ndarray,
                candidates: Candidates) -> np.ndarray:
        """Which candidates belong to the mask, bool (N,)."""
        inter = candidates.intersections(pseudo)
        area = np.count_nonzero(pseudo)
        passing = np.zeros(len(candidates), bool)
        if 'u' in self.mode:
            passing |= ratio(inter, area) > np.float32(self.u_threshold)
        if 'o' in self.mode:
            passing |= ratio(inter,
                             candidates.areas) > np.float32(self.o_threshold)
        if self.max_area_ratio is not None:
            passing &= candidates.areas <= self.max_area_ratio * area
        return passing
