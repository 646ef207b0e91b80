"""Captions of web-like toy pictures: chatty, incomplete, sometimes wrong."""
from __future__ import annotations
from collections import Counter
from collections.abc import Sequence

import numpy as np

from .web_pictures import WebPicture

OMITTED = 0.12  # share of the kinds that a caption leaves out
WRONG = 0.04  # share of the captions that belong to another picture
WITH_COLOR = 0.25
WITH_GROUND = 0.3
WITH_CHATTER = 0.6

NUMBERS = {2: 'two', 3: 'three', 4: 'four'}
PLURALS = {'dice': 'dice'}
OPENINGS = ('a photo of {}', 'a picture of {}', '{}', 'my {}', 'look at {}',
            'this is {}', 'i found {}', 'close up of {}', 'stock image of {}')
PLACES = ('on the {}', 'lying on {}', 'in front of {}', 'over the {}')
BEFORE = ('new', 'IMG 2034', 'sunday morning', 'for sale', 'best of 2021',
          'repost', 'limited edition', 'vintage', 'day 12')
AFTER = ('free shipping', 'with my friends', 'during our holiday',
         'link in profile', 'by the artist', 'wallpaper 4k', 'no filter',
         'at home', 'from the shop', 'thank you for 100 likes',
         'what do you think', 'royalty free')


def describe_picture(picture: WebPicture, rng: np.random.Generator) -> str:
    """Write a caption as people do: some of what is seen, and other things.

    Args:
        picture: The picture.
        rng: Random numbers.

    Returns:
        A caption that names at least one kind of thing.
    """
    counts = Counter(picture.names)
    names = sorted(counts, key=lambda _: rng.random())
    kept = [name for name in names if rng.random() >= OMITTED] or names[:1]
    phrases = [_phrase(picture, name, counts[name], rng) for name in kept]
    caption = _pick(OPENINGS, rng).format(_join(phrases, rng))
    if rng.random() < WITH_GROUND:
        caption += ' ' + _pick(PLACES, rng).format(picture.ground)
    if rng.random() < WITH_CHATTER:
        if rng.random() < 0.5:
            caption = f'{_pick(BEFORE, rng)}: {caption}'
        else:
            caption += f', {_pick(AFTER, rng)}'
    return caption


def _phrase(picture: WebPicture, name: str, count: int,
            rng: np.random.Generator) -> str:
    """The objects of one kind, in words."""
    words = [name if count == 1 else PLURALS.get(name, f'{name}s')]
    colors = {
        item.color
        for item, other in zip(picture.scene.objects, picture.names)
        if other == name
    }
    if len(colors) == 1 and rng.random() < WITH_COLOR:
        words.insert(0, next(iter(colors)))
    if count > 1:
        words.insert(0, NUMBERS[count] if rng.random() < 0.7 else 'some')
    else:
        words.insert(0, 'an' if words[0][0] in 'aeiou' else 'a')
    return ' '.join(words)


def _join(phrases: Sequence[str], rng: np.random.Generator) -> str:
    """``a``, ``a and b``, ``a, b and c``, or ``a with b``."""
    *first, last = phrases
    if not first:
        return last
    return f'{", ".join(first)} {_pick(("and", "with", "and"), rng)} {last}'


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
