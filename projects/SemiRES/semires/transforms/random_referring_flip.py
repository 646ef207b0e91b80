"""Mirror images and what is said about left and right."""
from __future__ import annotations
import re

from mmseg.datasets.transforms import RandomFlip
from mmseg.registry import TRANSFORMS

_PAIRS = (('left', 'right'), ('lft', 'rt'), ('leftmost', 'rightmost'),
          ('lefthand', 'righthand'), ('leftside', 'rightside'),
          ('lefty', 'righty'), ('leftward', 'rightward'), ('leftwards',
                                                           'rightwards'))
_SWAP = dict(_PAIRS) | {right: left for left, right in _PAIRS}
_SWAP.update(rgt='left', rite='left')  # spellings that occur on one side only
_WORDS = re.compile(rf'\b({"|".join(_SWAP)})\b', re.IGNORECASE)


def swap_left_right(text: str) -> str:
    """Exchange left and right, as whole words, in a sentence.

    Also the short forms of RefCOCO (lft, rt, rgt) and compounds (leftmost);
    "bright" stays as it is. Upper case is kept.
    """

    def swapped(match: re.Match) -> str:
        word = match[0]
        other = _SWAP[word.lower()]
        if word.isupper():
            return other.upper()
        return other.capitalize() if word[0].isupper() else other

    return _WORDS.sub(swapped, text)


@TRANSFORMS.register_module()
class RandomReferringFlip(RandomFlip):
    """Mirror an image left to right, and its sentence with it.

    Neither SemiRES nor LAVT does so: 46 % of RefCOCO's sentences name a side.
    To be placed behind ``LoadReferringMask``. Mask candidates that were loaded
    are mirrored; those loaded later are up to ``LoadMaskCandidates``.

    Required keys: ``img``, ``text``; ``gt_seg_map`` and ``candidates`` may be
    absent. Added keys: ``flip``, ``flip_direction``.

    Args:
        prob: Probability.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob=float(prob), direction='horizontal')

    def _flip(self, results: dict) -> None:
        super()._flip(results)
        results['text'] = swap_left_right(results['text'])
        if results.get('candidates') is not None:
            results['candidates'] = results['candidates'].flipped()
