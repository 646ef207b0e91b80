"""Sentences that single out one object of a toy picture.

Five types, named in ``groups`` by the last thing that is needed: ``kind``,
``colour``, ``size``, ``position`` and ``relation``. No sentence is kept that
another object fits. A sentence says what is needed and, in some cases, more.
"""
from __future__ import annotations
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from .clutter import REFERABLE, Scene
from .clutter_relations import Relation, RelationTable

# How often a type is taken where an object allows all of them.
WEIGHTS = {
    'kind': 0.5,
    'colour': 6.0,
    'size': 1.0,
    'position': 0.3,
    'relation': 0.1
}
NAMED = 0.75  # share of sentences that say the kind without need
DECORATED = 0.5  # the same for color and size
ANCHOR_VISIBLE = 0.5  # least visible share of an object that is pointed from
SIZES = {True: ('large', 'big'), False: ('small', 'little')}


@dataclass(frozen=True)
class Reference:
    """What a sentence claims of the object meant, and nothing else.

    Attributes:
        kind: Its kind, if mentioned.
        color: Its color, if mentioned.
        large: True / False if it is said to be large / small.
        relation: Its place or relation, if mentioned.
        anchor: Index of the object that the relation refers to.
    """

    kind: str | None = None
    color: str | None = None
    large: bool | None = None
    relation: Relation | None = None
    anchor: int | None = None

    @property
    def group(self) -> str:
        """The type of a sentence that claims just this."""
        if self.relation is not None:
            return self.relation.group
        if self.large is not None:
            return 'size'
        return 'kind' if self.color is None else 'colour'

    def fits(self, scene: Scene) -> np.ndarray:
        """(N,) bool, the objects of this kind, color and size."""
        return np.array([
            self.kind in (None, item.kind) and self.color in (None, item.color)
            and self.large in (None, item.large) for item in scene.objects
        ])


Sentence = dict[str, Any]


def describe_scene(scene: Scene,
                   rng: np.random.Generator) -> dict[int, list[Sentence]]:
    """Write two or three different sentences for each object.

    Returns:
        For each object that can be singled out (the rest is left out): dicts
        with ``reference`` (:class:`Reference`, what is needed), ``spoken``
        (the same with what is said without need), ``sent`` (str, lower case,
        no marks), ``raw`` (str, as typed by an annotator) and ``groups``
        (list of str).
    """
    anchors = _anchor_names(scene)
    claims = _claims(scene, list(anchors))
    described = {}
    for target in np.flatnonzero(scene.visible >= REFERABLE).tolist():
        sentences = _describe_object(scene, target, claims[target], anchors,
                                     rng)
        if sentences:
            described[target] = sentences
    return described


def _describe_object(scene: Scene, target: int, claims: list[Reference],
                     anchors: dict[int, str],
                     rng: np.random.Generator) -> list[Sentence]:
    wanted = int(rng.integers(2, 4))
    sentences: dict[str, Sentence] = {}
    for _ in range(4 * wanted):
        if not claims or len(sentences) == wanted:
            break
        reference = _draw_claim(claims, rng)
        spoken = _decorate(scene, target, reference, rng)
        text = _word(spoken, anchors, rng)
        sentences.setdefault(
            text,
            dict(
                reference=reference,
                spoken=spoken,
                sent=text,
                raw=_as_typed(text, rng),
                groups=[reference.group]))
    return list(sentences.values())


def _draw_claim(claims: list[Reference],
                rng: np.random.Generator) -> Reference:
    """Draw a type, then a relation, then a claim: each gets its share."""
    by_type: dict[str, dict[str, list[Reference]]] = {}
    for claim in claims:
        name = claim.relation.name if claim.relation else ''
        by_type.setdefault(claim.group, {}).setdefault(name, []).append(claim)
    weights = np.array([WEIGHTS[group] for group in by_type])
    group = str(rng.choice(list(by_type), p=weights / weights.sum()))
    relations = by_type[group]
    choices = relations[str(rng.choice(list(relations)))]
    return choices[int(rng.integers(len(choices)))]


def _claims(scene: Scene, anchors: Sequence[int]) -> list[list[Reference]]:
    """For each object the claims that single it out and need every word."""
    table = RelationTable(scene, anchors)
    # A dict keeps an order that does not change from run to run.
    looks = dict.fromkeys(
        look for item in scene.objects
        for look in product((None, item.kind), (None,
                                                item.color), (None,
                                                              item.large)))
    # winners[look][c]: who is singled out by the look and column c; column 0
    # is the look alone.
    winners: dict[tuple, np.ndarray] = {}
    for look in looks:
        fits = Reference(*look).fits(scene)
        alone = int(fits.argmax()) if fits.sum() == 1 else -1
        winners[look] = np.append(alone, table.winners(fits))

    claims: list[list[Reference]] = [[] for _ in scene.objects]
    for look, row in winners.items():
        needed = row >= 0
        needed[1:] &= row[1:] != row[0]
        for place, value in enumerate(look):
            if value is not None:
                weaker = (*look[:place], None, *look[place + 1:])
                needed &= winners[weaker] != row
        for column in np.flatnonzero(needed):
            relation, anchor = (None, None)
            if column > 0:
                relation, anchor = table.columns[column - 1]
            claims[row[column]].append(Reference(*look, relation, anchor))
    return claims


def _anchor_names(scene: Scene) -> dict[int, str]:
    """Objects that have a short name of their own, and this name."""
    names = {}
    for index, item in enumerate(scene.objects):
        if scene.visible[index] < ANCHOR_VISIBLE:
            continue
        if Reference(item.kind).fits(scene).sum() == 1:
            names[index] = item.kind
        elif Reference(item.kind, item.color).fits(scene).sum() == 1:
            names[index] = f'{item.color} {item.kind}'
    return names


def _decorate(scene: Scene, target: int, reference: Reference,
              rng: np.random.Generator) -> Reference:
    """Add what is true of the object but not needed: people do."""
    item = scene.objects[target]
    if reference.kind is None and rng.random() < NAMED:
        reference = replace(reference, kind=item.kind)
    if rng.random() < DECORATED:
        extra = 'color' if rng.random() < 0.6 else 'large'
        reference = replace(reference, **{extra: getattr(item, extra)})
    return reference


def say(reference: Reference, rng: np.random.Generator) -> str:
    """Put a claim that points from no other object into words."""
    return _word(reference, {}, rng)


def _word(spoken: Reference, anchors: dict[int, str],
          rng: np.random.Generator) -> str:
    """Put a claim into words."""

    def pick(words: Sequence[str]) -> str:
        return words[int(rng.integers(len(words)))]

    words = []
    if spoken.large is not None:
        words.append(pick(SIZES[spoken.large]))
    if spoken.color is not None:
        words.append(spoken.color)
    words.append(spoken.kind or 'one')
    text = ' '.join(words)
    if spoken.relation is not None:
        text = pick(spoken.relation.phrases).format(
            np=text,
            anchor='the ' +
            anchors[spoken.anchor] if spoken.anchor is not None else '')
    return f'the {text}' if rng.random() < 0.5 else text


def _as_typed(text: str, rng: np.random.Generator) -> str:
    """Capitals and marks, as annotators use them."""
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    return text + ('.' if rng.random() < 0.4 else '')
