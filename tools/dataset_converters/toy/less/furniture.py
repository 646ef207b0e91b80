"""The pieces of furniture of the toy rooms, as parts with materials."""
from __future__ import annotations
from collections.abc import Callable
from dataclasses import dataclass

from .shapes import Surface, box, disc, ellipsoid, frustum, merge

RGB = tuple[int, int, int]

DARK: RGB = (60, 60, 65)
LINEN: RGB = (232, 230, 224)
LEAVES: RGB = (46, 120, 44)


@dataclass
class Part:
    """One surface of a piece; ``rgb`` None takes the piece's own color."""

    surface: Surface
    rgb: RGB | None = None


# Every builder makes a piece of scale 1 that stands on z = 0 around the
# origin and faces -y (its back, if it has one, is at +y).


def _legs(width: float, depth: float, height: float,
          spacing: float) -> Surface:
    posts = [
        frustum((sx * (width / 2 - 0.04), sy * (depth / 2 - 0.04), 0),
                0.02,
                height,
                spacing,
                cap=False) for sx in (-1, 1) for sy in (-1, 1)
    ]
    return merge(posts)


def _chair(k: float, s: float) -> list[Part]:
    seat = box((0, 0, 0.40 * k), (0.44 * k, 0.44 * k, 0.06 * k), s, True)
    back = box((0, 0.20 * k, 0.46 * k), (0.44 * k, 0.05 * k, 0.42 * k), s)
    return [Part(seat), Part(back), Part(_legs(.44 * k, .44 * k, .4 * k, s))]


def _table(k: float, s: float) -> list[Part]:
    top = box((0, 0, 0.62 * k), (0.95 * k, 0.62 * k, 0.05 * k), s)
    return [Part(top), Part(_legs(.95 * k, .62 * k, .62 * k, s), DARK)]


def _bed(k: float, s: float) -> list[Part]:
    mattress = box((0, 0, 0), (0.8 * k, 1.35 * k, 0.3 * k), s)
    board = box((0, 0.69 * k, 0), (0.8 * k, 0.05 * k, 0.58 * k), s)
    pillow = box((0, 0.48 * k, 0.3 * k), (0.5 * k, 0.26 * k, 0.08 * k), s)
    return [Part(mattress), Part(board), Part(pillow, LINEN)]


def _cabinet(k: float, s: float) -> list[Part]:
    body = box((0, 0, 0), (0.55 * k, 0.38 * k, 0.78 * k), s)
    lid = box((0, 0, 0.78 * k), (0.61 * k, 0.44 * k, 0.04 * k), s, True)
    return [Part(body), Part(lid)]


def _sofa(k: float, s: float) -> list[Part]:
    seat = box((0, -0.06 * k, 0), (0.8 * k, 0.44 * k, 0.3 * k), s)
    back = box((0, 0.22 * k, 0), (1.02 * k, 0.12 * k, 0.62 * k), s)
    arms = [
        box((side * 0.46 * k, -0.06 * k, 0), (0.12 * k, 0.44 * k, 0.46 * k), s)
        for side in (-1, 1)
    ]
    return [Part(seat), Part(back), *map(Part, arms)]


def _lamp(k: float, s: float) -> list[Part]:
    foot = disc((0, 0, 0.02), 0.13 * k, s)
    pole = frustum((0, 0, 0.02), 0.02, 1.0 * k, s, cap=False)
    shade = frustum((0, 0, 0.95 * k), 0.22 * k, 0.28 * k, s, 0.12 * k, False)
    return [Part(shade), Part(foot, DARK), Part(pole, DARK)]


def _trash_can(k: float, s: float) -> list[Part]:
    side = frustum((0, 0, 0), 0.13 * k, 0.36 * k, s, 0.17 * k, False)
    return [Part(side), Part(disc((0, 0, 0.02), 0.12 * k, s))]


def _plant(k: float, s: float) -> list[Part]:
    pot = frustum((0, 0, 0), 0.10 * k, 0.22 * k, s, 0.14 * k)
    leaves = ellipsoid((0, 0, 0.46 * k), (0.21 * k, 0.21 * k, 0.25 * k), s)
    return [Part(pot), Part(leaves, LEAVES)]


@dataclass(frozen=True)
class Kind:
    """What the room generator and the sentences need to know of a kind.

    Attributes:
        build: ``build(scale, spacing)`` makes the parts.
        words: Names used in sentences; the first one is the ScanNet label.
        nyu40: NYU40 id and class, as in ScanNet's label table.
        colors: Color names it may have; empty means any.
        named_by_color: Whether sentences may use its color.
        wall: Probability of standing with its back to a wall.
        solid: Hides the floor below it.
        carries: Kinds that may stand on it, with their scale.
        weight: Relative frequency among the kinds of a room.
    """

    build: Callable[[float, float], list[Part]]
    words: tuple[str, ...]
    nyu40: tuple[int, str]
    colors: tuple[str, ...] = ()
    named_by_color: bool = True
    wall: float = 0.0
    solid: bool = False
    carries: tuple[tuple[str, float], ...] = ()
    weight: float = 1.0


KINDS: dict[str, Kind] = {
    'chair':
    Kind(_chair, ('chair', ), (5, 'chair'), weight=2.5),
    'table':
    Kind(
        _table, ('table', ), (7, 'table'),
        carries=(('plant', 0.7), ('lamp', 0.45)),
        weight=1.5),
    'bed':
    Kind(_bed, ('bed', ), (4, 'bed'), wall=0.9, solid=True, weight=0.8),
    'cabinet':
    Kind(
        _cabinet, ('cabinet', ), (3, 'cabinet'),
        wall=0.7,
        solid=True,
        carries=(('plant', 0.7), ('lamp', 0.45)),
        weight=1.3),
    'sofa':
    Kind(_sofa, ('sofa', 'couch'), (6, 'sofa'), wall=0.7, solid=True),
    'lamp':
    Kind(_lamp, ('lamp', ), (35, 'lamp'), wall=0.3),
    'trash can':
    Kind(
        _trash_can, ('trash can', 'bin'), (39, 'otherfurniture'),
        wall=0.4,
        solid=True,
        weight=1.3),
    'plant':
    Kind(
        _plant, ('plant', ), (40, 'otherprop'),
        named_by_color=False,
        wall=0.4,
        solid=True),
}
