"""Places and spatial relations of the objects of a toy picture.

Every relation is a score per object: the larger, the better it holds. A
sentence may use a relation only if the object meant scores at least
``holds`` and every rival at most ``fails``, or, for superlatives, if it leads
by ``lead``; so no sentence hangs on a pixel. Lengths are shares of the
picture's side.
"""
from __future__ import annotations
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .clutter import Scene

Score = Callable[[Scene], np.ndarray]
REACH = 0.5  # nobody relates things that are farther apart


@dataclass(frozen=True)
class Relation:
    """A place in the picture, or a relation to one other object.

    Attributes:
        name: Short name.
        group: ``'position'`` or ``'relation'``.
        phrases: Wordings; ``{np}`` is the object and ``{anchor}`` the other.
        score: Gives (N,) for a place; for a relation (N, N), the score of
            object i with object j as the anchor.
        lead: For superlatives: lead over the second best.
        holds: Otherwise: least score of the object meant.
        fails: Otherwise: largest score of a rival.
    """

    name: str
    group: str
    phrases: tuple[str, ...]
    score: Score
    lead: float | None = None
    holds: float = 0.0
    fails: float = 0.0


class RelationTable:
    """All relations of a scene, to be asked for many sets of candidates.

    Args:
        scene: N objects.
        anchors: Indices of the objects that a relation may refer to.

    Attributes:
        columns (list): R pairs of a relation and its anchor's index, None for
            a place.
    """

    def __init__(self, scene: Scene, anchors: Sequence[int]) -> None:
        self.columns: list[tuple[Relation, int | None]] = []
        rows = []
        for relation in RELATIONS:
            scores = relation.score(scene)
            if relation.group == 'position':
                self.columns.append((relation, None))
                rows.append(scores)
                continue
            for anchor in anchors:
                row = scores[:, anchor].copy()
                row[anchor] = np.nan  # it is not its own rival
                self.columns.append((relation, anchor))
                rows.append(row)
        self._scores = np.array(rows)  # (R, N)
        relations = [relation for relation, _ in self.columns]
        self._superlative = np.array([r.lead is not None for r in relations])
        self._lead = np.array([r.lead or 0.0 for r in relations])
        self._holds = np.array([r.holds for r in relations])
        self._fails = np.array([r.fails for r in relations])

    def winners(self, candidates: np.ndarray) -> np.ndarray:
        """Find whom each relation singles out.

        Args:
            candidates: (N,) bool, the objects that fit the rest of what is
                said.

        Returns:
            (R,) index of the only candidate for which the relation holds, -1
            if there is none or no rival to tell it from.
        """
        index = np.flatnonzero(candidates)
        scores = self._scores[:, index]
        rivals = (~np.isnan(scores)).sum(axis=1) - 1
        scores = np.where(np.isnan(scores), -np.inf, scores)
        if len(index) < 2:
            return np.full(len(self.columns), -1)
        order = np.sort(scores, axis=1)
        best, second = order[:, -1], order[:, -2]
        single = np.where(self._superlative, best >= second + self._lead,
                          (best >= self._holds) & (second <= self._fails))
        single &= (rivals > 0) & (best > -np.inf)
        return np.where(single, index[scores.argmax(axis=1)], -1)


def _extreme(x: float, y: float) -> Score:

    def score(scene: Scene) -> np.ndarray:
        return scene.centers @ (x, y)

    return score


def _region(x: float, y: float) -> Score:
    """Minus the distance from the border or the corner towards (x, y)."""

    def score(scene: Scene) -> np.ndarray:
        sides = [(direction, axis) for axis, direction in enumerate((x, y))
                 if direction]
        away = [
            scene.centers[:, axis] if direction < 0 else 1 -
            scene.centers[:, axis] for direction, axis in sides
        ]
        return -np.max(away, axis=0)

    return score


def _middle(scene: Scene) -> np.ndarray:
    return -np.abs(scene.centers - 0.5).max(axis=1)


def _ways(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """(N, N, 2) ways from j to i, and (N, N) their lengths."""
    ways = scene.centers[:, None] - scene.centers[None]
    return ways, np.linalg.norm(ways, axis=-1)


def _direction(x: float, y: float) -> Score:
    """Cosine between the way from the anchor to the object and (x, y)."""

    def score(scene: Scene) -> np.ndarray:
        ways, lengths = _ways(scene)
        cosines = ways @ (x, y) / np.maximum(lengths, 1e-6)
        far = np.where(cosines > 0, 0.6, -1.0)  # neither holds nor fails
        return np.where(lengths > REACH, far, cosines)

    return score


def _nearness(scene: Scene) -> np.ndarray:
    """Minus the mean of center distance and gap: people see both."""
    radii = np.array([item.radius for item in scene.objects]) / scene.size
    return (radii[:, None] + radii[None]) / 2 - _ways(scene)[1]


def _behind(scene: Scene) -> np.ndarray:
    return scene.hidden_by


def _before(scene: Scene) -> np.ndarray:
    return scene.hidden_by.T


def _superlative(name: str, word: str, place: str, x: float,
                 y: float) -> Relation:
    return Relation(
        name,
        'position', (word + ' {np}', '{np} ' + place),
        _extreme(x, y),
        lead=0.1)


def _area(name: str, place: str, x: float, y: float) -> Relation:
    return Relation(
        name,
        'position', (name + ' {np}', '{np} ' + place),
        _region(x, y),
        holds=-0.4,
        fails=-0.55)


def _side(name: str, phrases: tuple[str, ...], x: float, y: float) -> Relation:
    return Relation(
        name,
        'relation',
        tuple('{np} ' + phrase + ' {anchor}' for phrase in phrases),
        _direction(x, y),
        holds=0.86,
        fails=0.4)


_OVERLAP: dict[str, Any] = dict(group='relation', holds=0.08, fails=0.005)

RELATIONS: tuple[Relation, ...] = (
    _superlative('leftmost', 'leftmost', 'on the far left', -1, 0),
    _superlative('rightmost', 'rightmost', 'on the far right', 1, 0),
    _superlative('topmost', 'topmost', 'at the very top', 0, -1),
    _superlative('lowest', 'lowest', 'at the very bottom', 0, 1),
    _area('left', 'on the left', -1, 0),
    _area('right', 'on the right', 1, 0),
    _area('top', 'at the top', 0, -1),
    _area('bottom', 'at the bottom', 0, 1),
    _area('top left', 'at the top left', -1, -1),
    _area('top right', 'at the top right', 1, -1),
    _area('bottom left', 'at the bottom left', -1, 1),
    _area('bottom right', 'at the bottom right', 1, 1),
    Relation(
        'middle',
        'position', ('middle {np}', '{np} in the middle'),
        _middle,
        holds=-0.16,
        fails=-0.28),
    _side('left_of', ('left of', 'to the left of'), -1, 0),
    _side('right_of', ('right of', 'to the right of'), 1, 0),
    _side('above', ('above', ), 0, -1),
    _side('below', ('below', ), 0, 1),
    Relation(
        'nearest',
        'relation', ('{np} closest to {anchor}', ),
        _nearness,
        lead=0.13),
    Relation(
        'behind',
        phrases=('{np} behind {anchor}', ),
        score=_behind,
        **_OVERLAP),
    Relation(
        'in_front',
        phrases=('{np} in front of {anchor}', ),
        score=_before,
        **_OVERLAP),
)
