"""Sentences that class names are put into."""
from __future__ import annotations
from collections.abc import Sequence

SIMPLE_TEMPLATES = ('a photo of a {}.', )

# GroupViT's for the classification of ImageNet
SUBSET_TEMPLATES = (
    'itap of a {}.',
    'a bad photo of the {}.',
    'a origami {}.',
    'a photo of the large {}.',
    'a {} in a video game.',
    'art of the {}.',
    'a photo of the small {}.',
)


def _clip_templates() -> tuple[str, ...]:
    """The 80 templates that CLIP names ImageNet's classes with, of which most
    come in pairs with 'a' and 'the'."""
    pairs = ['a photo of @ {}.', '@ {} in a video game.']
    pairs += [
        f'a photo of @ {kind} {{}}.'
        for kind in ('hard to see', 'clean', 'dirty', 'cool', 'nice', 'weird',
                     'small', 'large')
    ]
    pairs += [
        f'a {kind} photo of @ {{}}.'
        for kind in ('bad', 'good', 'low resolution', 'cropped', 'bright',
                     'dark', 'close-up', 'black and white', 'pixelated',
                     'blurry', 'jpeg corrupted')
    ]
    pairs += [
        f'{kind} of @ {{}}.'
        for kind in ('a sculpture', 'a rendering', 'a rendition', 'a tattoo',
                     'a drawing', 'a painting', 'a doodle', 'a sketch',
                     'graffiti', 'art', 'itap')
    ]
    pairs += [
        f'@ {kind} {{}}.' for kind in ('embroidered', 'plastic', 'origami',
                                       'toy', 'cartoon', 'plushie')
    ]
    return (
        *(pair.replace('@', word) for pair in pairs for word in ('a', 'the')),
        'a photo of many {}.',
        'a photo of my {}.',
        'a photo of one {}.',
        'itap of my {}.',
    )


FULL_TEMPLATES = _clip_templates()

TEMPLATES = dict(
    simple=SIMPLE_TEMPLATES, subset=SUBSET_TEMPLATES, full=FULL_TEMPLATES)


def get_templates(templates: str | Sequence[str]) -> tuple[str, ...]:
    """Look templates up, or check own ones.

    Args:
        templates (str | Sequence[str]): 'simple' (1 template), 'subset' (7),
            'full' (80), or own sentences, each with one ``{}`` where the name
            goes.

    Raises:
        ValueError: There is no such name, or an own template is bad.
    """
    if isinstance(templates, str):
        if templates not in TEMPLATES:
            raise ValueError(f'templates={templates!r} is not known: choose '
                             f'from {list(TEMPLATES)}, or give a list of '
                             "sentences with '{}' for the name")
        return TEMPLATES[templates]
    templates = tuple(templates)
    if not templates:
        raise ValueError('templates is empty: give at least one sentence '
                         "with '{}' for the name")
    for template in templates:
        if template.count('{}') != 1:
            raise ValueError(f'the template {template!r} must have one '
                             "'{}', where the name goes")
    return templates
