"""Left and right in a mirror."""
from __future__ import annotations
import re

_MIRRORED = {
    'left': 'right',
    'right': 'left',
    'leftmost': 'rightmost',
    'rightmost': 'leftmost'
}
_SIDE = re.compile(r'\b(' + '|'.join(_MIRRORED) + r')\b', re.IGNORECASE)


def mirror_words(sentence: str) -> str:
    """Exchange left and right, as in a mirror; new words are lower case."""
    return _SIDE.sub(lambda match: _MIRRORED[match[0].lower()], sentence)
