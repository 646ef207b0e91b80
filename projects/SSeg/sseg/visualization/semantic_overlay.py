"""Pictures of semantic maps, with any number of classes."""
from __future__ import annotations
import colorsys
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from mmlangseg.io.nearest import resize_nearest
from mmlangseg.visualization.enlarge import MIN_WIDTH, display_scale, enlarge
from mmlangseg.visualization.header import PAPER, add_header, load_font

BACKGROUND = 'background'
MAX_LEGEND = 24
_GAP = 8
# saturation and brightness, of which neighbors in number take different ones
_SHADES = ((0.84, 0.63), (0.86, 0.92), (0.54, 0.93))


@lru_cache(maxsize=8)
def label_colors(count: int) -> np.ndarray:
    """Colors for labels, always the same for a label.

    Hues go round by the golden ratio, so that the first labels, however
    many, are far apart.

    Returns:
        np.ndarray: uint8 RGB (count, 3), read-only, all different up to
        several thousand.
    """
    colors = np.empty((count, 3), np.uint8)
    for i in range(count):
        saturation, value = _SHADES[i % len(_SHADES)]
        # a little darker each time the shades are through
        value -= 0.15 * ((i // len(_SHADES)) * 0.7549 % 1)
        rgb = colorsys.hsv_to_rgb(i * 0.618034 % 1, saturation, value)
        colors[i] = np.round(255 * np.array(rgb))
    colors.setflags(write=False)
    return colors


def paint_labels(image: np.ndarray,
                 labels: np.ndarray,
                 names: Sequence[str],
                 opacity: float = 0.6) -> np.ndarray:
    """Paint a label map over an image.

    The background (label 0, if that is its name) and labels without a name,
    such as 255, are not painted but faded.

    Args:
        image: uint8 RGB (H, W, 3).
        labels: Integers (h, w); stretched over the image if of another size.
        names: By label.
        opacity: Of the paint.

    Returns:
        np.ndarray: uint8 RGB (H, W, 3).
    """
    labels = resize_nearest(labels, image.shape[:2])
    painted = _is_painted(labels, names)
    colors = label_colors(len(names))[np.where(painted, labels, 0)]
    out = image.astype(np.float32)
    faded = 255 - 0.6 * (255 - out.mean(-1, keepdims=True))
    mixed = (1 - opacity) * out + opacity * colors
    out = np.where(painted[..., None], mixed, faded)
    # lines between the regions
    edges = np.zeros_like(painted)
    edges[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edges[1:] |= labels[1:] != labels[:-1]
    out[edges] *= 0.6
    return out.round().astype(np.uint8)


def draw_labels(image: np.ndarray,
                panels: Sequence[tuple[str, np.ndarray | None]],
                names: Sequence[str],
                title: str = '',
                note: str = '',
                warning: str = '') -> np.ndarray:
    """Draw label maps of an image side by side, with a legend above.

    Args:
        image: uint8 RGB (H, W, 3).
        panels: A caption and a label map (h, w) each, None for the image as
            it is.
        names: By label.
        title: First line.
        note: Second line.
        warning: Put below the legend, in another color.

    Returns:
        np.ndarray: uint8 RGB picture.
    """
    maps = [labels for _, labels in panels if labels is not None]
    present, hidden = _legend(maps, names)
    if hidden:
        note = f'{note}  {hidden} smaller classes are not listed'.strip()
    scale = display_scale(image)
    captioned = any(caption for caption, _ in panels)
    columns = []
    for caption, labels in panels:
        panel = image if labels is None else paint_labels(image, labels, names)
        panel = _widen(enlarge(panel, scale), MIN_WIDTH)
        if captioned:
            panel = add_header(panel, '', caption)
        columns += [panel, np.full((len(panel), _GAP, 3), PAPER, np.uint8)]
    return add_header(
        np.hstack(columns[:-1]), title, note, present, warning=warning)


def _legend(
    maps: Sequence[np.ndarray], names: Sequence[str]
) -> tuple[list[tuple[str, tuple[int, int, int]]], int]:
    """Names and colors of what is painted, the largest first, and how many
    have no room."""
    areas = np.zeros(len(names), np.int64)
    for labels in maps:
        painted = labels[_is_painted(labels, names)]
        areas += np.bincount(painted.ravel(), minlength=len(names))
    order = np.argsort(-areas, kind='stable')
    present = [i for i in order.tolist() if areas[i]]
    colors = label_colors(len(names))
    entries = [(_shorten(names[i]), tuple(colors[i].tolist()))
               for i in present[:MAX_LEGEND]]
    return entries, len(present) - len(entries)


def _is_painted(labels: np.ndarray, names: Sequence[str]) -> np.ndarray:
    first = 1 if names[0] == BACKGROUND else 0
    return (labels >= first) & (labels < len(names))


def _shorten(name: str) -> str:
    """A name that a legend has room for."""
    font = load_font(13)
    if font.getlength(name) <= MIN_WIDTH - 60:
        return name
    while font.getlength(name) > MIN_WIDTH - 80:
        name = name[:-1]
    return f'{name}...'


def _widen(panel: np.ndarray, width: int) -> np.ndarray:
    missing = max(0, width - panel.shape[1])
    return np.pad(
        panel, ((0, 0), (0, missing), (0, 0)), constant_values=PAPER[0])
