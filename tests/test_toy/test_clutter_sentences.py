import re
from collections import Counter

import numpy as np
import pytest
from toy.semires.clutter import (PALETTE, REFERABLE, ClutterObject, Scene,
                                 make_scene)
from toy.semires.clutter_sentences import Reference, describe_scene
from toy.semires.clutter_shapes import SHAPES

SIZES = {'large': True, 'big': True, 'small': False, 'little': False}
TYPES = {'kind', 'colour', 'size', 'position', 'relation'}
EXTREMES = {
    'leftmost': (-1, 0),
    'on the far left': (-1, 0),
    'rightmost': (1, 0),
    'on the far right': (1, 0),
    'topmost': (0, -1),
    'at the very top': (0, -1),
    'lowest': (0, 1),
    'at the very bottom': (0, 1),
}
AREA = re.compile(r'(?:(?:on|at) the )?((?:top|bottom)? ?(?:left|right)?)$')
SIDES = {
    'left of': (-1, 0),
    'to the left of': (-1, 0),
    'right of': (1, 0),
    'to the right of': (1, 0),
    'above': (0, -1),
    'below': (0, 1),
}
NAME = (r'(?:the )?(?P<before>.*?) ?(?P<size>large|big|small|little)? ?'
        rf'(?P<colour>{"|".join(PALETTE)})? ?'
        rf'\b(?P<kind>{"|".join(SHAPES)}|one)\b ?(?P<after>.*)')


@pytest.fixture(scope='module')
def described():
    result = []
    for i in range(120):
        rng = np.random.default_rng((9, i))
        scene = make_scene(rng)
        result.append((scene, describe_scene(scene, rng)))
    return result


def all_sentences(described):
    for scene, sentences in described:
        for target, rows in sentences.items():
            for row in rows:
                yield scene, target, row


def centers(scene):
    return [
        np.argwhere(mask)[:, ::-1].mean(axis=0) / scene.size
        for mask in scene.masks
    ]


def read(scene, text):
    """Find what a sentence means, knowing nothing of the generator.

    Returns the indices that fit, by plain geometry without margins.
    """
    found = re.fullmatch(NAME, text)
    assert found, text
    fits = []
    for i, item in enumerate(scene.objects):
        if found['kind'] in ('one', item.kind) and found['colour'] in (
                None, item.color) and SIZES.get(
                    found['size']) in (None, item.large):
            fits.append(i)
    where = (found['before'] or found['after']).strip()
    assert not (found['before'] and found['after']), text
    if not where:
        return fits
    xy = centers(scene)
    if where in EXTREMES:
        return [max(fits, key=lambda i: xy[i] @ EXTREMES[where])]
    if where in ('middle', 'in the middle'):
        return [i for i in fits if np.abs(xy[i] - 0.5).max() < 0.22]
    area = AREA.fullmatch(where)
    if area:
        words = area[1].split()
        return [
            i for i in fits if all(
                dict(
                    left=xy[i][0] < 0.5,
                    right=xy[i][0] > 0.5,
                    top=xy[i][1] < 0.5,
                    bottom=xy[i][1] > 0.5)[word] for word in words)
        ]
    how, _, anchor_name = where.rpartition(' the ')
    anchor, = read(scene, anchor_name)
    fits = [i for i in fits if i != anchor]
    if how in SIDES:
        ways = {i: xy[i] - xy[anchor] for i in fits}
        return [
            i for i in fits
            if ways[i] @ SIDES[how] > 0.7 * np.linalg.norm(ways[i])
        ]
    if how == 'closest to':
        return [min(fits, key=lambda i: np.linalg.norm(xy[i] - xy[anchor]))]
    assert how in ('behind', 'in front of'), text
    grid = np.meshgrid(*[np.arange(scene.size) + 0.5] * 2)

    def covered(back, front):
        inside = scene.objects[back].distance(*grid) < 0
        return (inside & (scene.owner == front)).sum() > 0.04 * inside.sum()

    if how == 'behind':
        return [i for i in fits if covered(i, anchor)]
    return [i for i in fits if covered(anchor, i)]


def test_every_sentence_means_one_object(described):
    count = 0
    for scene, target, row in all_sentences(described):
        assert read(scene, row['sent']) == [target], row['sent']
        count += 1
    assert count > 1100


def test_the_reader_of_this_test_can_fail(described):
    wrong = 0
    for scene, target, row in all_sentences(described):
        mirrored = Scene(scene.size)
        for item in scene.objects:
            x, y = item.center
            mirrored = mirrored.with_object(
                ClutterObject(**{
                    **vars(item), 'center': (scene.size - x, y)
                }))
        wrong += read(mirrored, row['sent']) != [target]
    assert wrong > 15


def test_schema(described):
    for scene, sentences in described:
        for target, rows in sentences.items():
            assert scene.visible[target] >= REFERABLE
            assert 2 <= len(rows) <= 3
            assert len({row['sent'] for row in rows}) == len(rows)
            for row in rows:
                assert re.fullmatch('[a-z]+( [a-z]+)*', row['sent'])
                assert row['raw'].lower().rstrip('.') == row['sent']
                assert set(row['groups']) <= TYPES and len(row['groups']) == 1
    raw = [row['raw'] for _, _, row in all_sentences(described)]
    assert 0.3 < np.mean([text.endswith('.') for text in raw]) < 0.5
    assert 0.4 < np.mean([text[0].isupper() for text in raw]) < 0.6


def test_nearly_every_object_is_described(described):
    visible = sum((s.visible >= REFERABLE).sum() for s, _ in described)
    assert sum(len(rows) for _, rows in described) > 0.95 * visible


def test_shares_and_vocabulary(described):
    rows = [row for _, _, row in all_sentences(described)]
    share = Counter(row['groups'][0] for row in rows)
    for name, low, high in (('kind', .02, .06), ('colour', .7, .9),
                            ('size', .03, .1), ('position', .05,
                                                .15), ('relation', .01, .04)):
        assert low < share[name] / len(rows) < high, name
    words = Counter(word for row in rows for word in row['sent'].split())
    assert len(words) < 50
    length = np.mean([len(row['sent'].split()) for row in rows])
    assert 2.5 < length < 5
    relations = Counter(row['reference'].relation.name for row in rows
                        if row['reference'].relation)
    assert len(relations) > 15


def test_the_group_names_what_is_needed(described):
    """What the type is named after cannot be left out."""
    for scene, target, row in all_sentences(described):
        said, group = row['reference'], row['groups'][0]
        without = Reference(said.kind if group != 'kind' else None,
                            said.color if group != 'colour' else None,
                            said.large if group != 'size' else None)
        fits = without.fits(scene)
        assert fits[target] and fits.sum() > 1
        if group in ('position', 'relation'):
            assert said.relation.group == group
        else:
            assert said.relation is None


def test_minimal_and_redundant_sentences(described):
    rows = [row for _, _, row in all_sentences(described)]
    redundant = [row for row in rows if row['spoken'] != row['reference']]
    assert 0.6 < len(redundant) / len(rows) < 0.8
    for row in redundant:  # nothing is lost
        said, needed = row['spoken'], row['reference']
        assert needed.kind in (None, said.kind)
        assert needed.color in (None, said.color)
        assert needed.large in (None, said.large)
        assert (needed.relation, needed.anchor) == (said.relation, said.anchor)


def test_seeded(described):
    rng = np.random.default_rng((9, 7))
    again = describe_scene(make_scene(rng), rng)
    assert again == described[7][1]


def scene_of(*objects, size=100):
    scene = Scene(size)
    for kind, color, large, x, y in objects:
        scene = scene.with_object(
            ClutterObject(kind, color, large, (x, y), 14. if large else 8., 0,
                          'plain', 6., (0., 0., 0., 0.), (200., 0., 0.)))
    return scene


def groups_of(scene, target, draws=40):
    """All (type, relation) by which an object is ever described."""
    found = set()
    for seed in range(draws):
        rows = describe_scene(scene, np.random.default_rng(seed))
        found |= {(row['groups'][0], row['reference'].relation
                   and row['reference'].relation.name)
                  for row in rows.get(target, [])}
    return found


def test_margins():
    clear = scene_of(('disc', 'red', True, 20, 50),
                     ('disc', 'red', True, 80, 50))
    assert ('position', 'leftmost') in groups_of(clear, 0)
    assert ('position', 'left') in groups_of(clear, 0)
    close = scene_of(('disc', 'red', True, 45, 20),
                     ('disc', 'red', True, 49, 80))
    found = groups_of(close, 0)
    assert ('position', 'topmost') in found
    assert not {('position', 'leftmost'), ('position', 'left')} & found


def test_indistinguishable_objects_are_not_described():
    twins = scene_of(('disc', 'red', False, 46, 50),
                     ('disc', 'red', False, 54, 50))
    assert describe_scene(twins, np.random.default_rng(0)) == {}


def test_mostly_hidden_objects_are_rivals_but_not_meant():
    scene = scene_of(('disc', 'red', True, 50, 30),
                     ('square', 'blue', True, 51, 37),
                     ('disc', 'green', True, 50, 80))
    assert scene.visible[0] < REFERABLE
    rows = describe_scene(scene, np.random.default_rng(0))
    assert 0 not in rows and {1, 2} <= set(rows)
    # "the disc" would be wrong: another one can still be seen.
    assert ('kind', None) not in groups_of(scene, 2)


def blind_scores(described, choose):
    """oIoU, mIoU and P@0.5 of a mask that does not depend on the sentence."""
    inter, union = [], []
    for scene, target, _ in all_sentences(described):
        mask, truth = choose(scene), scene.masks[target]
        inter.append((mask & truth).sum())
        union.append((mask | truth).sum())
    iou = np.array(inter) / union
    return (100 * sum(inter) / sum(union), 100 * iou.mean(),
            100 * (iou > 0.5).mean())


@pytest.mark.parametrize(
    'choose', [
        lambda s: s.masks[s.masks.sum(axis=(1, 2)).argmax()],
        lambda s: s.masks[np.abs(s.centers - 0.5).max(axis=1).argmin()],
        lambda s: s.masks[-1],
        lambda s: s.owner >= 0,
        lambda s: np.ones_like(s.owner, dtype=bool),
    ],
    ids=['largest', 'central', 'front', 'all', 'image'])
def test_whoever_does_not_read_fails(described, choose):
    o_iou, m_iou, hits = blind_scores(described, choose)
    assert o_iou < 28 and m_iou < 28 and hits < 30


def test_each_type_takes_its_own_word(described):
    """Reading all but the word that a type is named after is not enough."""
    hits = Counter()
    total = Counter()
    for scene, target, row in all_sentences(described):
        said, group = row['reference'], row['groups'][0]
        total[group] += 1
        rest = Reference(None if group == 'kind' else said.kind,
                         None if group == 'colour' else said.color,
                         None if group == 'size' else said.large)
        hits[group] += np.flatnonzero(rest.fits(scene))[-1] == target
    for group in TYPES:
        assert hits[group] / total[group] < 0.6, group
