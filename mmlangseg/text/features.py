from __future__ import annotations
from dataclasses import dataclass

import torch
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

    def with_sentence(self) -> tuple[Tensor, Tensor]:
        """The sentence's vector as one more word, in front of the others.

        Of a HuggingFace encoder whose sentence is the first token these are
        all its tokens.

        Returns:
            tuple[Tensor, Tensor]: Words (S, 1 + L, C) and their mask
            (S, 1 + L).
        """
        words = torch.cat([self.sentence.unsqueeze(1), self.words], dim=1)
        first = self.word_mask.new_ones(len(self.word_mask), 1)
        return words, torch.cat([first, self.word_mask], dim=1)
