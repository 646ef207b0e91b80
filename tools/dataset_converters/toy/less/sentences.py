"""Sentences that single out one object of a toy room.

Four types, named in ``groups``: ``kind`` (the only one of its kind),
``colour`` and ``size`` (tell it from others of its kind), ``relation`` (only
a spatial relation does; rivals share whatever else the sentence says). No
sentence is kept that another object fits, see :class:`Reference`.
"""
from __future__ import annotations
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .furniture import KINDS
from .relations import RELATIONS, Relation
from .rooms import Room, ToyObject

SENTENCES_PER_ROOM = 24
SHARES = {'kind': 0.42, 'colour': 0.275, 'size': 0.085, 'relation': 0.22}
SIZE_LEAD = 1.15  # least ratio of the scales of two compared objects
DECORATED = 0.10  # share of non-relational sentences that add a true relation

# The frames a sentence may take; {np} is the object, {where} the relation.
PLAIN = ('this is {a_np} .', 'the {np} .', 'there is {a_np} in the room .',
         'it is {a_np} .', 'find the {np} .')
PLACED = ('this is {a_np} . it is {where} .', 'the {np} {where} .',
          'there is {a_np} {where} .', 'the {np} that is {where} .',
          '{where} , there is {a_np} .', 'look for the {np} {where} .',
          'it is the {np} {where} .')
SUPERLATIVE = ('the {np} .', 'this is the {np} .', 'it is the {np} .',
               'the {np} in the room .', 'find the {np} .')
SUPERLATIVE_PLACED = ('the {np} {where} .', 'the {np} . it is {where} .',
                      'this is the {np} . it is {where} .')
COLORED = ('the {noun} is {color} .', 'this {noun} is {color} .',
           'the {noun} that is {color} .') + PLAIN
COLOR_WORDS = {'gray': ('gray', 'grey')}
SIZES = {
    (True, True): ('bigger', 'larger'),
    (True, False): ('biggest', 'largest'),
    (False, True): ('smaller', ),
    (False, False): ('smallest', ),
}


@dataclass(frozen=True)
class Reference:
    """What a sentence claims of the object meant, and nothing else.

    Attributes:
        kind: Kind of the object.
        color: Its color, if mentioned.
        largest: True / False if it is said to be the largest / smallest.
        relation: Relation that is mentioned, with the indices of its anchors.
    """

    kind: str
    color: str | None = None
    largest: bool | None = None
    relation: Relation | None = None
    anchors: tuple[int, ...] = ()

    def rivals(self, room: Room, target: int) -> list[int]:
        """Other objects that fit kind and color."""
        return [
            i for i, item in enumerate(room.objects)
            if i != target and item.kind == self.kind and self.color in (
                None, item.color)
        ]

    def singles_out(self, room: Room, target: int) -> bool:
        """Whether the claim holds for ``target`` and for nothing else."""
        item = room.objects[target]
        if item.kind != self.kind or self.color not in (None, item.color):
            return False
        rivals = [room.objects[i] for i in self.rivals(room, target)]
        if self.largest is not None:
            sign = 1 if self.largest else -1
            ratios = [(item.scale / rival.scale)**sign for rival in rivals]
            return bool(ratios) and min(ratios) >= SIZE_LEAD
        if self.relation is not None:
            anchors = [room.objects[i] for i in self.anchors]
            return self.relation.singles_out(room, item, rivals, anchors)
        return not rivals


Sentence = dict[str, Any]


def describe_room(room: Room,
                  rng: np.random.Generator,
                  count: int = SENTENCES_PER_ROOM) -> list[Sentence]:
    """Write up to ``count`` different sentences about a room.

    The types come in the proportions of :data:`SHARES`; where a room has too
    few claims of one type, the other types fill up.

    Returns:
        Dicts with ``target`` (index of the object), ``reference``
        (:class:`Reference`), ``description`` (str), ``token`` (list of str)
        and ``groups`` (list of str).
    """
    claims = _claims(room)
    queues = {name: _shuffled(claims[name], rng) for name in SHARES}
    quota = {name: round(share * count) for name, share in SHARES.items()}
    sentences: dict[tuple[int, str], Sentence] = {}
    for _ in range(3 * count):
        open_types = [name for name in SHARES if queues[name]]
        if len(sentences) >= count or not open_types:
            break
        name = max(open_types, key=quota.__getitem__)
        target, reference = queues[name].pop(0)
        if name != 'relation':
            # May be worded again later, in another way.
            queues[name].append((target, reference))
        text = _word(room, target, reference, rng)
        if (target, text) in sentences:
            continue
        quota[name] -= 1
        sentences[target, text] = _sentence(name, target, reference, text)
    return list(sentences.values())


def _shuffled(claims: list[tuple[int, Reference]],
              rng: np.random.Generator) -> list[tuple[int, Reference]]:
    """Random order in which the relations take turns."""
    seen: dict[str, int] = {}
    keys = []
    claims = [claims[i] for i in rng.permutation(len(claims))]
    for _, reference in claims:
        name = reference.relation.name if reference.relation else ''
        seen[name] = seen.get(name, -1) + 1
        keys.append(seen[name] + rng.random())
    return [claims[i] for i in np.argsort(keys)]


def _sentence(name: str, target: int, reference: Reference,
              text: str) -> Sentence:
    groups = [name]
    if name == 'relation':
        dependent = reference.relation.view_dependent
        groups.append('view_dependent' if dependent else 'view_independent')
    description = re.sub(r' (?=[.,])', '', text)
    return dict(
        target=target,
        reference=reference,
        description=description,
        token=text.split(),
        groups=groups)


def _claims(room: Room) -> dict[str, list[tuple[int, Reference]]]:
    """All (target, reference) pairs that hold in the room, by type."""
    claims: dict[str, list[tuple[int, Reference]]] = {
        name: []
        for name in SHARES
    }
    for target, item in enumerate(room.objects):
        alone = Reference(item.kind)
        if alone.singles_out(room, target):
            claims['kind'].append((target, alone))
            continue
        colored = Reference(item.kind, item.color)
        named = KINDS[item.kind].named_by_color
        if named and colored.singles_out(room, target):
            claims['colour'].append((target, colored))
        for largest in (True, False):
            sized = Reference(item.kind, largest=largest)
            if sized.singles_out(room, target):
                claims['size'].append((target, sized))
        bases = [alone]
        if named and colored.rivals(room, target):
            bases.append(colored)
        for base in bases:
            claims['relation'] += [
                (target, reference)
                for reference in _relational(room, target, base)
                if reference.singles_out(room, target)
            ]
    return claims


def _relational(room: Room, target: int, base: Reference) -> list[Reference]:
    """Claims that add one relation to ``base``, true or not."""
    anchors = [
        i for i, item in enumerate(room.objects)
        if item.kind != base.kind and _name(room, i) is not None
    ]
    references = []
    for relation in RELATIONS:
        allowed = [
            i for i in anchors if relation.anchor_kinds is None
            or room.objects[i].kind in relation.anchor_kinds
        ]
        if relation.anchors == 0:
            groups: list[tuple[int, ...]] = [()]
        elif relation.anchors == 1:
            groups = [(i, ) for i in allowed]
        else:
            groups = [(i, j) for i in allowed for j in allowed if i < j]
        references += [
            Reference(base.kind, base.color, None, relation, group)
            for group in groups
        ]
    return references


def _name(room: Room, index: int) -> Reference | None:
    """The shortest claim that names an anchor, None if there is none."""
    item = room.objects[index]
    alone = Reference(item.kind)
    if alone.singles_out(room, index):
        return alone
    colored = Reference(item.kind, item.color)
    if KINDS[item.kind].named_by_color and colored.singles_out(room, index):
        return colored
    return None


def _word(room: Room, target: int, reference: Reference,
          rng: np.random.Generator) -> str:
    """Put a claim into words, tokens separated by blanks."""

    def pick(words: Sequence[str]) -> str:
        return words[int(rng.integers(len(words)))]

    item = room.objects[target]
    noun = pick(KINDS[item.kind].words)
    color, relation, anchors = (reference.color, reference.relation,
                                reference.anchors)
    if relation is None:
        # True of the object but not needed: people say it all the same.
        if color is None and rng.random() < 0.5:
            color = item.color if KINDS[item.kind].named_by_color else None
        if rng.random() < DECORATED:
            relation, anchors = _true_relation(room, target, rng)
    adjectives = []
    if reference.largest is not None:
        pair = len(reference.rivals(room, target)) == 1
        adjectives.append(pick(SIZES[reference.largest, pair]))
    if color is not None:
        color = pick(COLOR_WORDS.get(color, (color, )))
        adjectives.append(color)
    where = ''
    if relation is not None:
        where = pick(relation.phrases).format(*(_anchor(room, i, pick)
                                                for i in anchors))
    frames: tuple[str, ...]
    if reference.largest is not None:
        frames = SUPERLATIVE_PLACED if where else SUPERLATIVE
    elif where:
        frames = PLACED
    else:
        frames = PLAIN if reference.color is None else COLORED
    np_ = ' '.join([*adjectives, noun])
    return pick(frames).format(
        np=np_, a_np=f'a {np_}', noun=noun, color=color, where=where)


def _true_relation(
        room: Room, target: int,
        rng: np.random.Generator) -> tuple[Relation | None, tuple[int, ...]]:
    """A view-independent relation that holds for the object, if any."""
    options = [
        reference for reference in _relational(
            room, target, Reference(room.objects[target].kind))
        if reference.relation.holds_for(room, target, reference.anchors)
    ]
    if not options:
        return None, ()
    chosen = options[int(rng.integers(len(options)))]
    return chosen.relation, chosen.anchors


def _anchor(room: Room, index: int, pick: Callable[[Sequence[str]],
                                                   str]) -> str:
    name = _name(room, index)
    words = ['the']
    if name.color is not None:
        words.append(pick(COLOR_WORDS.get(name.color, (name.color, ))))
    return ' '.join([*words, pick(KINDS[room.objects[index].kind].words)])


def item_name(item: ToyObject) -> str:
    """ScanRefer's spelling of an object's class, for example trash_can."""
    return KINDS[item.kind].words[0].replace(' ', '_')
