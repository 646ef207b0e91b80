"""What label maps leave out, so that a score says little."""
from __future__ import annotations
from collections.abc import Sequence

_SHOWN = 10  # names in a message
# Ignored pixels beyond reason, also where a data set ignores a class.
_SHARE, _SHARE_BY_DESIGN = 0.5, 0.95


def check_coverage(names: Sequence[str],
                   pixels: Sequence[int],
                   ignored: int = 0,
                   by_design: bool = False) -> list[str]:
    """Say what the labels of a data set do not cover.

    Args:
        names: Of the C classes.
        pixels: With each class as their label, (C, ).
        ignored: Pixels without a label.
        by_design: Whether the data set ignores a class on purpose, such as
            the background, which may be most of an image.

    Returns:
        list[str]: One warning each of the classes that no pixel has, and of
        an ignored share of more than a half, or 95 % by design.

    Raises:
        ValueError: No pixel has a label.
    """
    pixels = [int(count) for count in pixels]
    total = sum(pixels)
    if not total:
        raise ValueError(
            f'all {ignored} pixels of the label maps are ignored, so that '
            'there is nothing to score: a label map has the number of the '
            'class at each pixel, not 0 and 255')
    absent = [name for name, count in zip(names, pixels) if not count]
    warnings = []
    if absent:
        more = len(absent) - _SHOWN
        shown = ', '.join(absent[:_SHOWN])
        warnings.append(
            f'no pixel of the label maps has {len(absent)} of the '
            f'{len(names)} classes, whose scores say nothing: {shown}' +
            (f' and {more} more' if more > 0 else ''))
    share = ignored / (ignored + total)
    if share > (_SHARE_BY_DESIGN if by_design else _SHARE):
        warnings.append(
            f'{100 * share:.1f} % of the pixels are ignored. Are the label '
            'maps of 0 and 255? They must have the number of the class at '
            'each pixel, and 255 where nothing is known')
    return warnings
