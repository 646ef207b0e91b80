"""Where mask candidates come from."""
from __future__ import annotations
from abc import ABCMeta, abstractmethod
from collections.abc import Iterable

import numpy as np
from mmengine.registry import Registry

from .candidates import Candidates
from .rle import encode

CANDIDATE_SOURCES = Registry(
    'candidate source', locations=['mmlangseg.semires.candidates'])


class CandidateSource(metaclass=ABCMeta):
    """Proposes class-agnostic masks of an image.

    Subclasses are registered in ``CANDIDATE_SOURCES`` and implement
    :meth:`propose`.

    Attributes:
        parameters (dict): What the candidates depend on besides the image,
            for the header of a cache; JSON values.
    """

    parameters: dict

    @abstractmethod
    def propose(
            self,
            image: np.ndarray) -> Iterable[tuple[np.ndarray | dict, float]]:
        """Give masks one after the other.

        Args:
            image: uint8 RGB (H, W, 3).

        Yields:
            tuple: A dense mask (H, W) or COCO-compressed RLE of the size of
            the image, and a score of its quality (higher is better).
        """

    def __call__(self, image: np.ndarray) -> Candidates:
        """Give all candidates of an image, uint8 RGB (H, W, 3)."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError('the image must be uint8 RGB (H, W, 3), not '
                             f'{image.dtype} {image.shape}')
        rles, scores = [], []
        for mask, score in self.propose(image):
            rles.append(mask if isinstance(mask, dict) else encode(mask))
            scores.append(score)
        return Candidates.from_rles(rles, image.shape[:2], scores)
