from __future__ import annotations
from dataclasses import dataclass

from torch import Tensor


@dataclass
class TextFeatures:
    """Encoded sentences.

    Attributes:
        words (Tensor): (S, L, C) features of the words, padded.
        word_mask (Tensor): (S, L) bool, True for real words.
        sentence (Tensor): (S, C) one vector per sentence.
    """

    words: Tensor
    word_mask: Tensor
    sentence: Tensor
