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

    def select(self, sentences: slice) -> TextFeatures:
        """Some of the sentences, padded to the longest of them."""
        mask = self.word_mask[sentences]
        longest = max(1, int(mask.sum(1).max()))
        return TextFeatures(
            words=self.words[sentences, :longest],
            word_mask=mask[:, :longest],
            sentence=self.sentence[sentences])
