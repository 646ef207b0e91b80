from __future__ import annotations
import re
from collections.abc import Iterable
from pathlib import Path

from mmlangseg.fileio import write_text

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[^\w\s]|_")


def split_words(text: str, lower: bool = True) -> list[str]:
    """Split a sentence as ScanRefer does: lower case, marks are words."""
    return _WORD.findall(text.lower() if lower else text)


def write_vocabulary(path: str | Path, sentences: Iterable[str]) -> None:
    """Write the words of sentences, one per line, in alphabetical order."""
    words = {word for text in sentences for word in split_words(text)}
    write_text(path, '\n'.join(sorted(words)) + '\n')
