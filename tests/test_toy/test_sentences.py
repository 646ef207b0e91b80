import re
from collections import Counter

import numpy as np
import pytest
from toy.less.furniture import KINDS
from toy.less.relations import RELATIONS, footprint_gap
from toy.less.rooms import Room, ToyObject, make_room
from toy.less.sentences import (SENTENCES_PER_ROOM, SHARES, Reference,
                                describe_room)

VIEW_WORDS = {'front', 'behind', 'back', 'left', 'right'}
RELATION = {relation.name: relation for relation in RELATIONS}


@pytest.fixture(scope='module')
def described():
    result = []
    for i in range(40):
        rng = np.random.default_rng((5, i))
        room = make_room(rng)
        result.append((room, describe_room(room, rng)))
    return result


def make_object(kind, x, y, color='red', scale=1.0, size=0.4):
    return ToyObject(kind, color, scale, np.array([x, y, 0.5]),
                     np.array([size, size, 1.0]))


def test_seeded(described):
    rng = np.random.default_rng((5, 7))
    room = make_room(rng)
    again = describe_room(room, rng)
    assert [s['token'] for s in again] == [s['token'] for s in described[7][1]]


def test_schema(described):
    for room, sentences in described:
        texts = [(s['target'], ' '.join(s['token'])) for s in sentences]
        assert len(texts) == len(set(texts)) <= SENTENCES_PER_ROOM
        for s in sentences:
            assert s['token'] == ' '.join(s['token']).lower().split()
            assert re.fullmatch(r'[a-z ,.]+', s['description'])
            assert re.sub(r'([.,])', r' \1',
                          s['description']).split() == s['token']


def test_shares(described):
    counts = Counter(s['groups'][0] for _, ss in described for s in ss)
    total = sum(counts.values())
    assert total > 0.95 * SENTENCES_PER_ROOM * len(described)
    for name, share in SHARES.items():
        assert abs(counts[name] / total - share) < 0.07, name


def test_every_sentence_is_unambiguous(described):
    """Independently of the generator: nothing else fits what is said."""
    for room, sentences in described:
        for s in sentences:
            reference = s['reference']
            fits = [
                i for i in range(len(room.objects))
                if reference.singles_out(room, i)
            ]
            assert fits == [s['target']]
            item = room.objects[s['target']]
            words = ' '.join(s['token'])
            assert any(w in words for w in KINDS[item.kind].words)
            same = [o for o in room.objects if o.kind == item.kind]
            kind = s['groups'][0]
            assert (len(same) == 1) == (kind == 'kind')
            if kind == 'colour':
                assert [o.color for o in same].count(item.color) == 1
                assert {item.color, 'grey'} & set(s['token'])
            if kind == 'size':
                scales = [o.scale for o in same]
                best = max if reference.largest else min
                assert best(scales) == item.scale
                assert scales.count(item.scale) == 1


def test_relations_hold(described):
    """Check the geometry of the commonest relations naively."""
    checked = Counter()
    for room, sentences in described:
        for s in sentences:
            reference = s['reference']
            if s['groups'][0] != 'relation':
                continue
            item = room.objects[s['target']]
            rivals = [
                room.objects[i] for i in reference.rivals(room, s['target'])
            ]
            assert rivals
            anchors = [room.objects[i] for i in reference.anchors]
            name = reference.relation.name
            checked[name] += 1

            def distance(o):
                return np.linalg.norm((o.center - anchors[0].center)[:2])

            if name == 'nearest':
                assert all(
                    distance(item) +
                    footprint_gap(item, anchors[0]) < distance(o) +
                    footprint_gap(o, anchors[0]) for o in rivals)
            if name == 'next_to':
                assert footprint_gap(item, anchors[0]) <= 0.4
            if name == 'left':
                assert item.center[0] < anchors[0].center[0]
            if name == 'behind':
                assert item.center[1] > anchors[0].center[1]
            if name == 'foremost':
                assert all(item.center[1] < o.center[1] for o in rivals)
            if name == 'on':
                assert room.objects[item.support] is anchors[0]
    assert set(checked) == set(RELATION)


def test_view_groups(described):
    for _, sentences in described:
        for s in sentences:
            said = bool(VIEW_WORDS & set(s['token']))
            assert said == ('view_dependent' in s['groups'])
            if s['groups'][0] == 'relation':
                assert len(s['groups']) == 2


def test_some_sentences_need_the_relation_alone(described):
    """Twins: rivals of the same color and size."""
    found = 0
    for room, sentences in described:
        for s in sentences:
            item = room.objects[s['target']]
            if s['groups'][0] == 'relation':
                found += any(
                    o is not item and o.kind == item.kind
                    and o.color == item.color and o.scale == item.scale
                    for o in room.objects)
    assert found > 50


def test_margins():

    def room(*objects):
        return Room((4.0, 4.0), list(objects), None, [])

    left = Reference('chair', None, None, RELATION['left'], (2, ))
    table = make_object('table', 0, 0)
    clear = room(
        make_object('chair', -1, 0), make_object('chair', 1, 0), table)
    assert left.singles_out(clear, 0) and not left.singles_out(clear, 1)
    # The rival stands left of the table as well, only further to the front.
    doubtful = room(
        make_object('chair', -1, 0), make_object('chair', -1, -1.2), table)
    assert not left.singles_out(doubtful, 0)

    nearest = Reference('chair', None, None, RELATION['nearest'], (2, ))
    near = room(
        make_object('chair', 0.8, 0), make_object('chair', -1.5, 0), table)
    assert nearest.singles_out(near, 0) and not nearest.singles_out(near, 1)
    close = room(
        make_object('chair', 0.8, 0), make_object('chair', -0.9, 0), table)
    assert not nearest.singles_out(close, 0)

    larger = Reference('chair', largest=True)
    pair = room(
        make_object('chair', 0, 0, scale=1.2), make_object('chair', 1, 0))
    assert larger.singles_out(pair, 0) and not larger.singles_out(pair, 1)
    similar = room(
        make_object('chair', 0, 0, scale=1.1), make_object('chair', 1, 0))
    assert not larger.singles_out(similar, 0)

    colored = Reference('chair', 'red')
    assert not colored.singles_out(similar, 0)
    assert not Reference('table').singles_out(similar, 0)
