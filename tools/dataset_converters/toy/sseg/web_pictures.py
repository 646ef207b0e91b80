"""Web-like toy pictures: things with names on grounds with names.

A thing is known by its shape and its colors together: most colors and
shapes belong to two or more things.
"""
from __future__ import annotations
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..semires.clutter import PALETTE, ClutterObject, Scene
from ..semires.clutter_render import render_scene
from .web_grounds import GROUNDS, paint_ground


class Thing(NamedTuple):
    """How the objects of a class look."""

    shape: str
    colors: tuple[str, ...]
    textures: tuple[str, ...]


THINGS: dict[str, Thing] = {
    'apple': Thing('disc', ('red', 'green'), ('plain', 'noise')),
    'ball': Thing('disc', ('blue', 'white'), ('stripes', 'checks')),
    'star': Thing('star', ('yellow', 'orange'), ('plain', 'noise')),
    'heart': Thing('heart', ('red', 'purple'), ('plain', 'dots')),
    'moon': Thing('moon', ('yellow', 'white'), ('plain', 'noise')),
    'crate': Thing('square', ('orange', ), ('stripes', 'checks')),
    'dice': Thing('square', ('white', 'black'), ('dots', )),
    'tent': Thing('triangle', ('green', 'blue'), ('plain', 'stripes')),
    'donut': Thing('ring', ('purple', 'orange'), ('dots', 'noise')),
    'wheel': Thing('ring', ('black', ), ('plain', 'stripes')),
}
# Things that training pictures show beside other things only.
NEVER_ALONE = ('moon', 'wheel')
# Things that no training picture shows together.
UNSEEN_PAIRS: tuple[frozenset[str], ...] = tuple(
    map(frozenset, (('apple', 'tent'), ('ball', 'crate'), ('star', 'donut'),
                    ('heart', 'dice'))))
UNSEEN_SHARE = 0.3  # of the evaluation pictures show such a pair
SPLITS = ('pairs', 'train', 'val', 'test')
RADIUS = (0.18, 0.27)  # as a share of the picture's side
LEAST_VISIBLE = 0.55


@dataclass(frozen=True)
class WebPicture:
    """A picture that one would find on the web, in miniature.

    Attributes:
        scene: Its objects, back to front.
        names: Keys of :data:`THINGS`, one for every object.
        ground: Key of :data:`~.web_grounds.GROUNDS`.
    """

    scene: Scene
    names: tuple[str, ...]
    ground: str

    @property
    def label_map(self) -> np.ndarray:
        """(size, size) uint8, 0 is the ground, then the things in order."""
        order = list(THINGS)
        labels = [0, *(order.index(name) + 1 for name in self.names)]
        return np.array(labels, dtype=np.uint8)[self.scene.owner + 1]

    def render(self, rng: np.random.Generator) -> np.ndarray:
        """Paint it; (size, size, 3) uint8, RGB."""
        size = self.scene.size
        return render_scene(self.scene, rng,
                            paint_ground(self.ground, size, rng))


def make_picture(rng: np.random.Generator,
                 size: int = 64,
                 training: bool = True) -> WebPicture:
    """Draw a picture of one to four objects.

    Args:
        rng: Random numbers.
        size: Side in pixels.
        training: Leave out what training pictures must not show; otherwise
            such pictures are frequent.
    """
    while True:
        names = _draw_names(rng, training)
        scene = Scene(size)
        placed = []
        for name in names:
            more = _add_object(scene, name, rng)
            if more is not None:
                scene = more
                placed.append(name)
        kinds = set(placed)
        # What did not find room may leave a thing alone.
        alone = len(kinds) == 1 and kinds & set(NEVER_ALONE)
        if placed and not (training and alone):
            ground = str(rng.choice(list(GROUNDS)))
            return WebPicture(scene, tuple(placed), ground)


def _draw_names(rng: np.random.Generator, training: bool) -> list[str]:
    """Names of one to four things, equal ones included."""
    if not training and rng.random() < UNSEEN_SHARE:
        pair = UNSEEN_PAIRS[int(rng.integers(len(UNSEEN_PAIRS)))]
        return sorted(pair, key=lambda _: rng.random())
    while True:
        count = int(rng.choice((1, 2, 3, 4), p=(0.2, 0.35, 0.3, 0.15)))
        names = [str(name) for name in rng.choice(list(THINGS), count)]
        unseen = any(pair <= set(names) for pair in UNSEEN_PAIRS)
        if not (training and unseen):
            return names


def _add_object(scene: Scene, name: str,
                rng: np.random.Generator) -> Scene | None:
    """Put an object in front; None if it would hide too much."""
    thing, size = THINGS[name], scene.size
    radius = size * rng.uniform(*RADIUS)
    color = str(rng.choice(thing.colors))
    look = dict(
        kind=thing.shape,
        color=color,
        large=False,
        radius=radius,
        angle=rng.uniform(-0.5, 0.5),
        texture=str(rng.choice(thing.textures)),
        period=size * rng.uniform(0.06, 0.09),
        phases=tuple(rng.uniform(0, 2 * np.pi, 4)),
        rgb=tuple(np.clip(PALETTE[color] + rng.uniform(-14, 14, 3), 0, 255)))
    for _ in range(12):
        center = rng.uniform(0.8 * radius, size - 0.8 * radius, 2)
        more = scene.with_object(
            ClutterObject(center=tuple(center.tolist()), **look))
        if more.visible.min() >= LEAST_VISIBLE:
            return more
    return None


def iter_pictures(
        split: str, count: int, size: int,
        seed: int) -> Iterator[tuple[WebPicture, np.random.Generator]]:
    """Draw the pictures of a split.

    The i-th picture depends on (seed, split, i) only.

    Args:
        split: One of :data:`SPLITS`; ``pairs`` are those with captions.
        count: Number of pictures.
        size: Side in pixels.
        seed: Seed of the set.

    Yields:
        The picture, and a generator for whatever else is drawn about it.
    """
    number = SPLITS.index(split)
    for index in range(count):
        key = (seed, number, index)
        picture = make_picture(
            np.random.default_rng(key), size, training=split == 'pairs')
        yield picture, np.random.default_rng((*key, 1))
