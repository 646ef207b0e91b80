"""Classes whose names the text encoder does not know."""
from __future__ import annotations
from collections.abc import Callable

from mmlangseg.text import describe_unknown, split_words
from .vocabulary import Vocabulary

_NAMED = 6


def unknown_class_words(
        vocabulary: Vocabulary,
        unknown_words: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """Unknown words in the names and synonyms of classes.

    Args:
        vocabulary (Vocabulary): The classes.
        unknown_words (Callable): Gives those of a text.

    Returns:
        dict[str, list[str]]: By class; of those that have some.
    """
    found = {}
    for name, synonyms in zip(vocabulary.classes, vocabulary.prompt_names):
        words = [word for text in synonyms for word in unknown_words(text)]
        if words:
            found[name] = list(dict.fromkeys(words))
    return found


def describe_unknown_classes(vocabulary: Vocabulary,
                             unknown: dict[str, list[str]]) -> str:
    """Name unknown words, and the classes that are the same without them, or
    have a name in common that decides.

    Args:
        vocabulary (Vocabulary): The classes.
        unknown (dict[str, list[str]]): See :func:`unknown_class_words`.

    Returns:
        str: '' if all words are known, and no name is that of two classes.
    """
    shared = _shared_names(vocabulary)
    if not unknown:
        return shared
    words = list(dict.fromkeys(w for found in unknown.values() for w in found))
    text = f'{describe_unknown(words)} in names of classes'
    same: dict[tuple, list[str]] = {}
    for name, synonyms in zip(vocabulary.classes, vocabulary.prompt_names):
        missing = {word.lower() for word in unknown.get(name, ())}
        read = sorted(' '.join('?' if word in missing else word
                               for word in split_words(synonym))
                      for synonym in synonyms)
        same.setdefault(tuple(read), []).append(name)
    groups = [' = '.join(names) for names in same.values() if len(names) > 1]
    if groups:
        more = '' if len(groups) <= _NAMED else ', ...'
        text += (f', and cannot tell apart {", ".join(groups[:_NAMED])}{more}:'
                 ' the first one gets the pixels')
    return f'{text}; {shared}' if shared else text


def _shared_names(vocabulary: Vocabulary) -> str:
    """Say which classes have the same names, so that one of them gets no
    pixel."""
    rows = [[name.casefold() for name in names]
            for names in vocabulary.prompt_names]
    # of the mean, the names of a class together; else each of them counts
    keys = [
        set(row) if vocabulary.synonyms == 'max' else {tuple(sorted(row))}
        for row in rows
    ]
    owners: dict[object, list[str]] = {}
    for label, key in zip(vocabulary.classes, keys):
        for name in sorted(key):
            owners.setdefault(name, []).append(label)
    groups = list(
        dict.fromkeys(' = '.join(labels) for labels in owners.values()
                      if len(labels) > 1))
    if not groups:
        return ''
    more = '' if len(groups) <= _NAMED else ', ...'
    return ('a name is that of several classes, of which the first one gets '
            f'the pixels: {", ".join(groups[:_NAMED])}{more}')
