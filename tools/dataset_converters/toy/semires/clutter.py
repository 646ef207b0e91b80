"""Cluttered toy pictures: what lies where, which part of it is seen.

Coordinates are pixels, x to the right and y down; the center of pixel
(row, column) is (column + 0.5, row + 0.5).
"""
from __future__ import annotations
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .clutter_shapes import SHAPES, TEXTURES, texture

PALETTE: dict[str, tuple[int, int, int]] = {
    'red': (205, 40, 40),
    'orange': (240, 135, 25),
    'yellow': (238, 218, 50),
    'green': (45, 160, 60),
    'blue': (40, 85, 205),
    'purple': (140, 50, 170),
    'white': (236, 236, 232),
    'black': (36, 36, 40),
}
# What is drawn in SemiRES's pictures: few enough to be learned from scratch in
# minutes.
KINDS = ('disc', 'square', 'triangle', 'ring', 'cross')
COLORS = ('red', 'yellow', 'green', 'blue', 'white', 'black')
# Radii as shares of the picture's side; nothing lies between the two sizes.
RADII = {False: (0.13, 0.15), True: (0.2, 0.24)}
SHADE = 40  # largest deviation of an object from its color
SPLITS = ('train', 'val', 'testA')
LEAST_VISIBLE = 0.3  # no object is hidden further
REFERABLE = 0.4  # visible share of objects that sentences may mean
NEIGHBOR = 0.3  # share of objects put close to another one
REPEATED = 0.25  # share of pictures with two objects of one color


@dataclass(frozen=True)
class ClutterObject:
    """One object of a picture.

    Attributes:
        kind: Key of :data:`~.clutter_shapes.SHAPES`.
        color: Key of :data:`PALETTE`.
        large: One of two sizes.
        center: x and y.
        radius: Unit of the shape.
        angle: Turn of the shape in radians.
        texture: One of :data:`~.clutter_shapes.TEXTURES`.
        period: Period of the texture in pixels.
        phases: Phases of the texture.
        rgb: Its own shade of the color.
    """

    kind: str
    color: str
    large: bool
    center: tuple[float, float]
    radius: float
    angle: float
    texture: str
    period: float
    phases: tuple[float, float, float, float]
    rgb: tuple[float, float, float]

    def local(self, x: np.ndarray,
              y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixel coordinates in the shape's own frame, still in pixels."""
        dx, dy = x - self.center[0], y - self.center[1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return dx * cos + dy * sin, dy * cos - dx * sin

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Signed distance to its edge in pixels, negative inside."""
        u, v = self.local(x, y)
        return self.radius * SHAPES[self.kind](u / self.radius,
                                               v / self.radius)

    def pattern(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Its texture, values in [-1, 1]."""
        return texture(self.texture, *self.local(x, y), self.period,
                       self.phases)

    def window(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows around it, also those outside the picture."""
        reach = 1.3 * self.radius + 4
        return tuple(
            np.arange(int(np.floor(c - reach)), int(np.ceil(c + reach)))
            for c in self.center)


@dataclass(frozen=True)
class Scene:
    """Objects, back to front, in a square picture of ``size`` pixels.

    ``shapes`` holds, for each object, its pixels as if nothing hid it, (size,
    size) bool, and its area with what lies outside the picture.
    """

    size: int
    objects: tuple[ClutterObject, ...] = ()
    shapes: tuple[tuple[np.ndarray, int], ...] = field(default=(), repr=False)

    def with_object(self, item: ClutterObject) -> Scene:
        """The scene with one more object, in front of all others."""
        shape = _rasterize(item, self.size)
        return Scene(self.size, (*self.objects, item), (*self.shapes, shape))

    @cached_property
    def owner(self) -> np.ndarray:
        """(size, size) int64, index of the object seen, -1 if none."""
        owner = np.full((self.size, self.size), -1)
        for index, (inside, _) in enumerate(self.shapes):
            owner[inside] = index
        return owner

    @cached_property
    def masks(self) -> np.ndarray:
        """(N, size, size) bool, the visible pixels of each object."""
        return self.owner == np.arange(len(self.objects))[:, None, None]

    @cached_property
    def visible(self) -> np.ndarray:
        """(N,) visible share of each object, hidden or cut off the rest."""
        seen = np.bincount(
            self.owner.ravel() + 1, minlength=len(self.objects) + 1)[1:]
        return seen / [area for _, area in self.shapes]

    @cached_property
    def hidden_by(self) -> np.ndarray:
        """(N, N) share of object i at whose place object j is seen."""
        count = len(self.objects)
        seen = np.array([
            np.bincount(self.owner[inside], minlength=count) / area
            for inside, area in self.shapes
        ])
        np.fill_diagonal(seen, 0)
        return seen

    @cached_property
    def centers(self) -> np.ndarray:
        """(N, 2) x, y of the visible centroids, in shares of the size."""
        grid = (np.arange(self.size) + 0.5) / self.size
        area = self.masks.sum(axis=(1, 2))
        return np.stack([
            self.masks.sum(axis=1) @ grid / area,
            self.masks.sum(axis=2) @ grid / area
        ], axis=1)  # yapf: disable


def _rasterize(item: ClutterObject, size: int) -> tuple[np.ndarray, int]:
    """Its pixels in the picture, and its area with what lies outside."""
    columns, rows = item.window()
    x, y = np.meshgrid(columns + 0.5, rows + 0.5)
    inside = item.distance(x, y) < 0
    mask = np.zeros((size, size), dtype=bool)
    left, top = max(columns[0], 0), max(rows[0], 0)
    part = inside[top - rows[0]:size - rows[0],
                  left - columns[0]:size - columns[0]]
    mask[top:top + part.shape[0], left:left + part.shape[1]] = part
    return mask, int(inside.sum())


def make_scene(rng: np.random.Generator, size: int = 128) -> Scene:
    """Draw one picture's worth of 3 to 5 objects."""
    while True:
        scene = Scene(size)
        kinds = rng.choice(KINDS, rng.integers(2, 5), replace=False)
        # Colors are what a small network learns: mostly one is enough to
        # single out an object.
        colors = rng.choice(COLORS, rng.integers(3, 6), replace=False)
        if rng.random() < REPEATED:
            colors[-1] = colors[0]
        for color in colors:
            scene = _add_object(scene, str(rng.choice(kinds)), str(color), rng)
        if len(scene.objects) >= 3:
            return scene


def _add_object(scene: Scene, kind: str, color: str,
                rng: np.random.Generator) -> Scene:
    """Put an object in front; leave it out if it would hide too much."""
    size = scene.size
    large = bool(rng.random() < 0.5)
    radius = size * rng.uniform(*RADII[large])
    look = dict(
        kind=kind,
        color=color,
        large=large,
        radius=radius,
        angle=rng.uniform(-0.4, 0.4),
        texture=str(rng.choice(TEXTURES)),
        period=size * rng.uniform(0.045, 0.065),
        phases=tuple(rng.uniform(0, 2 * np.pi, 4)),
        rgb=tuple(
            np.clip(PALETTE[color] + rng.uniform(-SHADE, SHADE, 3), 0, 255)))
    for _ in range(12):
        center = _draw_center(scene, radius, rng)
        more = scene.with_object(
            ClutterObject(center=tuple(center.tolist()), **look))
        if more.visible.min() >= LEAST_VISIBLE:
            return more
    return scene


def _draw_center(scene: Scene, radius: float,
                 rng: np.random.Generator) -> np.ndarray:
    """Anywhere, a little over the border at most, or beside another one."""
    low, high = 0.7 * radius, scene.size - 0.7 * radius
    if scene.objects and rng.random() < NEIGHBOR:
        other = scene.objects[int(rng.integers(len(scene.objects)))]
        way = rng.uniform(0, 2 * np.pi)
        far = rng.uniform(0.55, 0.95) * (radius + other.radius)
        center = other.center + far * np.array([np.cos(way), np.sin(way)])
        return np.clip(center, low, high)
    return rng.uniform(low, high, 2)


def iter_scenes(num_train: int,
                num_val: int,
                size: int,
                seed: int,
                purpose: int = 0
                ) -> Iterator[tuple[int, str, Scene, np.random.Generator]]:
    """Draw the pictures of a toy set.

    The i-th picture of a split depends on (seed, split, i) only.

    Args:
        num_train: Pictures for training.
        num_val: Pictures of each of the splits val and testA.
        size: Side of the pictures in pixels.
        seed: Seed of the set.
        purpose: Selects independent generators for the same pictures.

    Yields:
        Image id (from 1), split, picture, and a generator for whatever else
        is drawn about this picture.
    """
    image_id = 0
    counts = dict(train=num_train, val=num_val, testA=num_val)
    for number, split in enumerate(SPLITS):
        for index in range(counts[split]):
            image_id += 1
            key = (seed, number, index)
            scene = make_scene(np.random.default_rng(key), size)
            yield image_id, split, scene, np.random.default_rng(
                (*key, 1 + purpose))
