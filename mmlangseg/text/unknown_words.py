from __future__ import annotations
from collections.abc import Sequence

from torch import nn

_NAMED = 6


def unknown_words(model: nn.Module, text: str) -> list[str]:
    """The words of a sentence that a model's text encoder does not know.

    To an encoder all unknown words are the same one, so what it makes of them
    is a guess.

    Args:
        model (nn.Module): With a text encoder somewhere inside. One that has
            no method ``unknown_words`` knows everything.
        text (str): As the model reads it.

    Returns:
        list[str]: In the order of the sentence, each once.
    """
    for module in model.modules():
        if hasattr(module, 'unknown_words'):
            return module.unknown_words(text)
    return []


def describe_unknown(words: Sequence[str]) -> str:
    """A remark about unknown words, '' if there are none."""
    if not words:
        return ''
    more = len(words) - _NAMED
    return 'the text encoder does not know ' + ', '.join(
        map(repr, words[:_NAMED])) + (f' and {more} more' if more > 0 else '')
