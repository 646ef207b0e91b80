"""Text above pictures: the sentence and what is known about the mask."""
from __future__ import annotations
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MARGIN = 14
INK, GRAY, PAPER = (20, 20, 20), (110, 110, 110), (255, 255, 255)
ALARM = (170, 30, 0)


@lru_cache(maxsize=16)
def load_font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Open DejaVu Sans, which comes with matplotlib."""
    name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
    # importing matplotlib takes longer than drawing a picture
    package = find_spec('matplotlib')
    assert package is not None and package.origin is not None  # is required
    folder = os.path.join(
        os.path.dirname(package.origin), 'mpl-data', 'fonts', 'ttf')
    return ImageFont.truetype(os.path.join(folder, name), size)


def wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break a text into lines of at most ``width`` pixels, or of one letter
    where that is wider."""
    lines = ['']
    for word in text.split():
        # no space to break at
        while len(word) > 1 and font.getlength(word) > width:
            count = len(word) - 1
            while count > 1 and font.getlength(word[:count]) > width:
                count -= 1
            lines.append(word[:count])
            word = word[count:]
        longer = f'{lines[-1]} {word}'.strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]


def add_header(
    image: np.ndarray,
    title: str,
    subtitle: str = '',
    legend: Sequence[tuple[str, tuple[int, int, int]]] = (),
    max_lines: int = 4,
    warning: str = '',
) -> np.ndarray:
    """Put a wrapped title, a line below it and a color legend on top.

    Args:
        image: uint8 (H, W, 3).
        title: The sentence. Cut with dots after ``max_lines`` lines.
        subtitle: One line, e.g. scene and IoU.
        legend: Names with their colors.
        max_lines: Of the title, and of the warning.
        warning: What is wrong, below everything else, in another color.

    Returns:
        np.ndarray: uint8 (H + header, W, 3).
    """
    size = int(np.clip(image.shape[1] / 60, 13, 22))
    title_font, small_font = load_font(size, bold=True), load_font(size - 2)
    room = image.shape[1] - 2 * MARGIN
    lines = _cut(wrap(title, title_font, room), max_lines)
    alarm = _cut(wrap(warning, small_font, room), max_lines)
    line_height = int(1.35 * size)
    spots = _flow(subtitle, [name for name, _ in legend], small_font, room,
                  size + 3)
    below = spots[-1][1] + 1 if subtitle or legend else 0
    rows = len(lines) + below + len(alarm)
    height = line_height * rows + 3 * MARGIN // 2
    header = Image.new('RGB', (image.shape[1], height), PAPER)
    draw = ImageDraw.Draw(header)
    y = MARGIN // 2
    for line in lines:
        draw.text((MARGIN, y), line, INK, font=title_font)
        y += line_height
    draw.text((MARGIN, y), subtitle, GRAY, font=small_font)
    for (name, color), (x, row) in zip(legend, spots[1:]):
        top = y + row * line_height
        draw.rectangle(
            (MARGIN + x, top + 3, MARGIN + x + size - 3, top + size),
            fill=color)
        draw.text((MARGIN + x + size + 3, top), name, INK, font=small_font)
    y += below * line_height
    for line in alarm:
        draw.text((MARGIN, y), line, ALARM, font=small_font)
        y += line_height
    return np.concatenate([np.asarray(header), image])


def _cut(lines: list[str], count: int) -> list[str]:
    """The first lines, with dots if there are more."""
    if len(lines) <= count:
        return lines
    return [*lines[:count - 1], lines[count - 1][:-3] + '...']


def _flow(subtitle: str, names: Sequence[str], font: ImageFont.FreeTypeFont,
          room: int, indent: int) -> list[tuple[float, int]]:
    """Offset and row of the subtitle and of each legend entry."""
    spots, x, row = [(0., 0)], font.getlength(subtitle), 0
    for name in names:
        width = indent + font.getlength(name)
        x += 18 if x else 0
        if x and x + width > room:
            x, row = 0., row + 1
        spots.append((x, row))
        x += width
    return spots
