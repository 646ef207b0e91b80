"""Random furnished rooms: where things stand, their size and color.

A room lives in its axis-aligned frame: the floor is z = 0, the walls are
parallel to x and y, and whoever describes the room looks along +y, so that
left is -x and front is -y.
"""
from __future__ import annotations
from dataclasses import dataclass, field

import numpy as np

from .furniture import KINDS, Part
from .shapes import patch

PALETTE: dict[str, tuple[int, int, int]] = {
    'red': (200, 40, 40),
    'green': (50, 165, 70),
    'blue': (45, 80, 190),
    'yellow': (235, 200, 50),
    'purple': (140, 60, 160),
    'brown': (120, 75, 42),
    'white': (236, 236, 232),
    'black': (35, 35, 38),
    'gray': (130, 130, 132),
}
SCALES = (0.76, 0.95, 1.19)
FLOORS = ((176, 150, 116), (150, 140, 130), (196, 188, 172))
WALLS = ((226, 222, 210), (208, 216, 222), (222, 206, 192))

POINT_SPACING = 0.058  # meters, furniture
ROOM_SPACING = 0.064  # meters, floor and walls
WALL_HEIGHT = 0.32  # meters, the scanned part of the walls
GAP = 0.12  # meters, least distance between two pieces on the floor


@dataclass
class ToyObject:
    """One piece of furniture in a room.

    Attributes:
        kind: Key of :data:`KINDS`.
        color: Key of :data:`PALETTE`.
        scale: Size relative to the kind's usual size.
        center: (3,) middle of the axis-aligned bounding box, meters.
        size: (3,) extents of that box, meters.
        support: Index of the object it stands on, None for the floor.
        parts: Placed surfaces with their colors.
    """

    kind: str
    color: str
    scale: float
    center: np.ndarray
    size: np.ndarray
    support: int | None = None
    parts: list[Part] = field(default_factory=list, repr=False)


@dataclass
class Room:
    """A furnished room: extents (x, y) in meters, objects, bare surfaces."""

    extent: tuple[float, float]
    objects: list[ToyObject]
    floor: Part
    walls: list[Part]


def make_room(rng: np.random.Generator) -> Room:
    """Draw one room with 5 to 15 objects."""
    extent = tuple(rng.uniform(3.2, 3.7, size=2))
    while True:
        objects: list[ToyObject] = []
        for kind, color, scale in _draw_furniture(rng):
            _place_on_floor(objects, kind, color, scale, extent, rng)
        if len(objects) >= 5:
            break
    for index in range(len(objects)):
        _place_on_top(objects, index, rng)
    objects = objects[:15]
    floor, walls = _bare_room(extent, objects, rng)
    return Room(extent, objects, floor, walls)


def _draw_furniture(rng: np.random.Generator) -> list[tuple[str, str, float]]:
    """Choose (kind, color, scale); two or three kinds occur repeatedly.

    In half of the repeated groups all members look the same, so that only a
    relation can tell them apart.
    """
    names = list(KINDS)
    weights = np.array([KINDS[name].weight for name in names])
    count = int(rng.integers(5, 8))
    chosen = rng.choice(
        names, size=count, replace=False, p=weights / weights.sum())
    repeated = int(rng.integers(2, 4))
    pieces = []
    for rank, name in enumerate(chosen):
        number = int(rng.integers(2, 4)) if rank < repeated else 1
        if name in ('bed', 'sofa'):
            number = min(number, 2)
        alike = rng.random() < 0.5
        colors = [_draw_color(name, rng) for _ in range(number)]
        scales = [float(rng.choice(SCALES)) for _ in range(number)]
        if alike:
            colors, scales = colors[:1] * number, scales[:1] * number
        pieces += [(str(name), c, s) for c, s in zip(colors, scales)]
    # Large pieces first: they are the hardest to place.
    order = {'bed': 0, 'sofa': 1, 'table': 2, 'cabinet': 3}
    pieces = [pieces[i] for i in rng.permutation(len(pieces))][:9]
    return sorted(pieces, key=lambda piece: order.get(piece[0], 4))


def _draw_color(kind: str, rng: np.random.Generator) -> str:
    return str(rng.choice(KINDS[kind].colors or list(PALETTE)))


def _build(kind: str, color: str, scale: float, yaw: float,
           rng: np.random.Generator) -> ToyObject:
    """Make a piece around the origin, turned by ``yaw`` about z."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    stretch = rng.uniform(0.95, 1.05, size=3)
    base = np.array(PALETTE[color]) + rng.uniform(-12, 12, size=3)
    parts = []
    for part in KINDS[kind].build(scale, POINT_SPACING):
        surface = part.surface
        surface.vertices = (surface.vertices * stretch) @ turn.T
        surface.normals = surface.normals @ turn.T
        rgb = base if part.rgb is None else np.array(part.rgb)
        parts.append(Part(surface, tuple(np.clip(rgb, 0, 255))))
    points = np.concatenate([part.surface.vertices for part in parts])
    low, high = points.min(axis=0), points.max(axis=0)
    return ToyObject(
        kind, color, scale, (low + high) / 2, high - low, parts=parts)


def _move(item: ToyObject, offset: np.ndarray) -> None:
    item.center = item.center + offset
    for part in item.parts:
        part.surface.vertices = part.surface.vertices + offset


def _place_on_floor(objects: list[ToyObject], kind: str, color: str,
                    scale: float, extent: tuple[float, float],
                    rng: np.random.Generator) -> None:
    """Append the piece at a free place; leave it out if there is none."""
    at_wall = rng.random() < KINDS[kind].wall
    for _ in range(40):
        side = int(rng.integers(4))
        yaw = side * np.pi / 2
        item = _build(kind, color, scale,
                      yaw + (0 if at_wall else rng.normal(0, 0.12)), rng)
        room = (np.array(extent) - item.size[:2]) / 2 - 0.06
        if (room < 0).any():
            continue
        target = rng.uniform(-room, room)
        if at_wall:
            # The back (+y before turning) looks to the wall.
            back = np.array([-np.sin(yaw), np.cos(yaw)])
            axis = int(abs(back[0]) < 0.5)
            target[axis] = np.sign(back[axis]) * room[axis]
        apart = all(
            (np.abs(target -
                    other.center[:2]) > (item.size + other.size)[:2] / 2 +
             GAP).any() for other in objects)
        if apart:
            _move(item, np.append(target - item.center[:2], 0.0))
            objects.append(item)
            return


def _place_on_top(objects: list[ToyObject], index: int,
                  rng: np.random.Generator) -> None:
    """Maybe put a small thing on top of a table or a cabinet."""
    base = objects[index]
    carries = KINDS[base.kind].carries
    if not carries or rng.random() > 0.5:
        return
    kind, scale = carries[int(rng.integers(len(carries)))]
    item = _build(kind, _draw_color(kind, rng), scale,
                  float(rng.normal(0, 0.2)), rng)
    room = (base.size - item.size)[:2] / 2
    if (room < 0).any():
        return
    shift = base.center[:2] + rng.uniform(-room, room) - item.center[:2]
    top = base.center[2] + base.size[2] / 2
    _move(item, np.append(shift, top + 0.01))
    item.support = index
    objects.append(item)


def _bare_room(extent: tuple[float, float], objects: list[ToyObject],
               rng: np.random.Generator) -> tuple[Part, list[Part]]:
    """Floor without the cells under solid furniture, and four low walls."""
    w, d = extent
    floor = patch((-w / 2, -d / 2, 0), (w, 0, 0), (0, d, 0), ROOM_SPACING)
    hidden = np.zeros(len(floor), dtype=bool)
    for item in objects:
        if KINDS[item.kind].solid and item.support is None:
            inside = np.abs(floor.vertices - item.center) < item.size / 2
            hidden |= inside[:, :2].all(axis=1)
    index = np.cumsum(~hidden) - 1
    floor.faces = index[floor.faces[~hidden[floor.faces].any(axis=1)]]
    floor.vertices = floor.vertices[~hidden]
    floor.normals = floor.normals[~hidden]
    up = (0, 0, WALL_HEIGHT)
    walls = [
        patch((-w / 2, -d / 2, 0), up, (w, 0, 0), ROOM_SPACING),
        patch((-w / 2, d / 2, 0), (w, 0, 0), up, ROOM_SPACING),
        patch((-w / 2, -d / 2, 0), (0, d, 0), up, ROOM_SPACING),
        patch((w / 2, -d / 2, 0), up, (0, d, 0), ROOM_SPACING),
    ]
    floor_rgb = FLOORS[int(rng.integers(len(FLOORS)))]
    wall_rgb = WALLS[int(rng.integers(len(WALLS)))]
    return Part(floor, floor_rgb), [Part(wall, wall_rgb) for wall in walls]


def render(part: Part, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Shade a part as a scanner would see it.

    Returns:
        Vertices (V, 3) float64 with 4 mm noise and colors (V, 3) uint8 with
        directional light and sensor noise.
    """
    light = np.array([0.35, -0.45, 0.82])
    shade = 0.82 + 0.18 * np.clip(part.surface.normals @ light, 0, 1)
    rgb = np.array(part.rgb) * shade[:, None]
    rgb = rgb + rng.normal(0, 7, size=rgb.shape)
    vertices = part.surface.vertices
    vertices = vertices + rng.normal(0, 0.004, size=vertices.shape)
    return vertices, np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
