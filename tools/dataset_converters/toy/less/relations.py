"""Spatial relations between the objects of a toy room.

Every relation is a score per object: the larger, the better it holds. A
sentence may use a relation only if the object meant scores at least
``holds`` and every rival at most ``fails``, or, for superlatives, if it leads
by ``lead`` meters; so no sentence hangs on a few centimeters.
"""
from __future__ import annotations
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .rooms import Room, ToyObject

Score = Callable[[Room, ToyObject, Sequence[ToyObject]], float]


@dataclass(frozen=True)
class Relation:
    """A relation between an object and ``anchors`` other ones.

    Attributes:
        name: Short name.
        phrases: Wordings with ``{0}``, ``{1}`` for the anchors.
        anchors: Number of anchors.
        score: ``score(room, item, anchors)``.
        lead: For superlatives: lead over the second best in meters.
        holds: Otherwise: least score of the object meant.
        fails: Otherwise: largest score of a rival.
        anchor_kinds: Kinds the anchors must be of, None for any.
        view_dependent: Whether it changes when the viewer walks around.
    """

    name: str
    phrases: tuple[str, ...]
    anchors: int
    score: Score
    lead: float | None = None
    holds: float = 0.0
    fails: float = 0.0
    anchor_kinds: tuple[str, ...] | None = None
    view_dependent: bool = False

    def singles_out(self, room: Room, target: ToyObject,
                    rivals: Sequence[ToyObject],
                    anchors: Sequence[ToyObject]) -> bool:
        """Whether the relation holds for the target and for no rival."""
        best = self.score(room, target, anchors)
        others = [self.score(room, rival, anchors) for rival in rivals]
        if self.lead is not None:
            return bool(others) and best >= max(others) + self.lead
        return best >= self.holds and all(s <= self.fails for s in others)

    def holds_for(self, room: Room, target: int,
                  anchors: Sequence[int]) -> bool:
        """Whether it is true of an object from any view, rivals or not."""
        if self.lead is not None or self.view_dependent:
            return False
        items = [room.objects[i] for i in anchors]
        return self.score(room, room.objects[target], items) >= self.holds


def footprint_gap(a: ToyObject, b: ToyObject) -> float:
    """Horizontal distance of two bounding boxes in meters, 0 on overlap."""
    apart = np.abs(a.center - b.center)[:2] - (a.size + b.size)[:2] / 2
    return float(np.linalg.norm(np.maximum(apart, 0)))


def _distance(room: Room, item: ToyObject,
              anchors: Sequence[ToyObject]) -> float:
    """Mean of center distance and gap: neither alone is what people see."""
    anchor = anchors[0]
    centers = np.linalg.norm((item.center - anchor.center)[:2])
    return float(centers + footprint_gap(item, anchor)) / 2


def _nearness(room: Room, item: ToyObject,
              anchors: Sequence[ToyObject]) -> float:
    return -_distance(room, item, anchors)


def _adjacency(room: Room, item: ToyObject,
               anchors: Sequence[ToyObject]) -> float:
    if item.support is not None:
        return -np.inf
    return -footprint_gap(item, anchors[0])


def _betweenness(room: Room, item: ToyObject,
                 anchors: Sequence[ToyObject]) -> float:
    """Minus the distance from the middle half of the anchors' line."""
    a, b = anchors[0].center[:2], anchors[1].center[:2]
    along = b - a
    t = np.dot(item.center[:2] - a, along) / np.dot(along, along)
    nearest = a + np.clip(t, 0.25, 0.75) * along
    return -float(np.linalg.norm(item.center[:2] - nearest))


def _wall_gaps(room: Room, item: ToyObject) -> np.ndarray:
    return np.array(room.extent) / 2 - np.abs(
        item.center[:2]) - item.size[:2] / 2


def _at_wall(room: Room, item: ToyObject,
             anchors: Sequence[ToyObject]) -> float:
    return -float(_wall_gaps(room, item).min())


def _in_corner(room: Room, item: ToyObject,
               anchors: Sequence[ToyObject]) -> float:
    return -float(_wall_gaps(room, item).max())


def _in_middle(room: Room, item: ToyObject,
               anchors: Sequence[ToyObject]) -> float:
    return float(_wall_gaps(room, item).min())


def _rests_on(room: Room, item: ToyObject,
              anchors: Sequence[ToyObject]) -> float:
    on = item.support is not None and room.objects[item.support]
    return float(on is anchors[0])


def _carries(room: Room, item: ToyObject,
             anchors: Sequence[ToyObject]) -> float:
    return _rests_on(room, anchors[0], [item])


def _direction(x: float, y: float) -> Score:
    """Cosine between the way from the anchor to the object and (x, y)."""

    def score(room: Room, item: ToyObject,
              anchors: Sequence[ToyObject]) -> float:
        way = (item.center - anchors[0].center)[:2]
        length = np.linalg.norm(way)
        if length > 2.2:  # nobody relates things across the room
            return 0.6 if way @ (x, y) > 0 else -1.0
        return float(way @ (x, y) / max(length, 1e-6))

    return score


def _extreme(x: float, y: float) -> Score:

    def score(room: Room, item: ToyObject,
              anchors: Sequence[ToyObject]) -> float:
        return float(item.center[:2] @ (x, y))

    return score


_SIDE: dict[str, Any] = dict(
    anchors=1, holds=0.88, fails=0.45, view_dependent=True)
_FAR: dict[str, Any] = dict(anchors=0, lead=0.5, view_dependent=True)

RELATIONS: tuple[Relation, ...] = (
    Relation(
        'nearest', ('closest to {0}', 'nearest to {0}'),
        1,
        _nearness,
        lead=0.3),
    Relation(
        'farthest', ('farthest from {0}', 'far away from {0}'),
        1,
        _distance,
        lead=0.5),
    Relation(
        'next_to', ('next to {0}', 'beside {0}'),
        1,
        _adjacency,
        holds=-0.4,
        fails=-0.85),
    Relation(
        'between', ('between {0} and {1}', 'in between {0} and {1}'),
        2,
        _betweenness,
        holds=-0.25,
        fails=-0.7),
    Relation(
        'wall', ('against the wall', 'by the wall'),
        0,
        _at_wall,
        holds=-0.15,
        fails=-0.5),
    Relation(
        'corner', ('in the corner of the room', 'in the corner'),
        0,
        _in_corner,
        holds=-0.4,
        fails=-0.9),
    Relation(
        'middle', ('in the middle of the room', 'away from the walls'),
        0,
        _in_middle,
        holds=0.8,
        fails=0.4),
    Relation(
        'on', ('on {0}', 'on top of {0}'),
        1,
        _rests_on,
        holds=0.5,
        fails=0.5,
        anchor_kinds=('table', 'cabinet')),
    Relation(
        'under', ('under {0}', 'below {0}'),
        1,
        _carries,
        holds=0.5,
        fails=0.5,
        anchor_kinds=('plant', 'lamp')),
    Relation(
        'left', ('to the left of {0}', 'left of {0}'),
        score=_direction(-1, 0),
        **_SIDE),
    Relation(
        'right', ('to the right of {0}', 'right of {0}'),
        score=_direction(1, 0),
        **_SIDE),
    Relation('front', ('in front of {0}', ), score=_direction(0, -1), **_SIDE),
    Relation('behind', ('behind {0}', ), score=_direction(0, 1), **_SIDE),
    Relation(
        'leftmost', ('on the far left of the room', 'on the left side'),
        score=_extreme(-1, 0),
        **_FAR),
    Relation(
        'rightmost', ('on the far right of the room', 'on the right side'),
        score=_extreme(1, 0),
        **_FAR),
    Relation(
        'foremost', ('at the front of the room', 'in the front'),
        score=_extreme(0, -1),
        **_FAR),
    Relation(
        'rearmost', ('at the back of the room', 'in the back'),
        score=_extreme(0, 1),
        **_FAR),
)
