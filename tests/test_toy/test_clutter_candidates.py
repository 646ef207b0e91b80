from collections import Counter

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion
from toy.semires.clutter import make_scene
from toy.semires.clutter_candidates import (LEAST_AREA, iter_candidates,
                                            make_candidates, touching_pairs)

AROUND = np.ones((3, 3), dtype=bool)


@pytest.fixture(scope='module')
def drawn():
    result = []
    for i in range(120):
        scene = make_scene(np.random.default_rng((4, i)))
        result.append(
            (scene, *make_candidates(scene, np.random.default_rng(i))))
    return result


def ious(masks, mask):
    inter = (masks & mask).sum(axis=(1, 2))
    return inter / (masks | mask).sum(axis=(1, 2))


def within_a_pixel(candidates, mask):
    """Which candidates differ from a mask at its edge only."""
    outer = binary_dilation(mask, AROUND)
    inner = binary_erosion(mask, AROUND, border_value=1)
    return ~(candidates & ~outer).any(
        axis=(1, 2)) & ~(~candidates & inner).any(axis=(1, 2))


def test_form(drawn):
    for scene, masks, scores in drawn:
        assert masks.dtype == bool and masks.shape[1:] == scene.owner.shape
        assert scores.shape == masks.shape[:1] and scores.dtype == np.float32
        assert (np.diff(scores) <= 0).all()
        assert 0.88 <= scores.min() and scores.max() <= 1
        assert masks.sum(axis=(1, 2)).min() >= LEAST_AREA
    counts = [len(masks) for _, masks, _ in drawn]
    assert 7 < np.mean(counts) < 15


def test_most_objects_are_found_precisely(drawn):
    own, best = [], []
    for scene, masks, _ in drawn:
        for mask in scene.masks:
            if mask.sum() < 100:  # their edge is most of them
                continue
            close = within_a_pixel(masks, mask) & (ious(masks, mask) > 0.6)
            own.append(close.sum())
            best.append(ious(masks, mask).max())
    own, best = np.array(own), np.array(best)
    assert 0.10 <= (own == 0).mean() <= 0.17  # missing
    assert 0.08 <= (own > 1).mean() <= 0.25  # duplicates
    assert 0.85 < np.median(best[own > 0]) < 0.98  # jittered, but little
    assert best[own > 0].min() > 0.6
    assert best[own == 0].mean() < 0.6


def test_imperfections(drawn):
    seen = Counter()
    pairs = 0
    for scene, masks, _ in drawn:
        objects = scene.masks
        ground = scene.owner < 0
        seen['ground'] += ious(masks, ground).max() > 0.8
        seen['region'] += ((masks & ~ground).mean(axis=(1, 2))
                           < 0.02)[(masks
                                    & ground).mean(axis=(1, 2)) > 0.2].sum()
        seen['whole'] += masks.all(axis=(1, 2)).any()
        for i, j in touching_pairs(scene):
            union = objects[i] | objects[j]
            if min(objects[i].sum(), objects[j].sum()) > 0.25 * union.sum():
                pairs += 1
                seen['merged'] += ious(masks, union).max() > 0.8
        for mask in objects:
            area, inter = masks.sum(axis=(1, 2)), (masks & mask).sum((1, 2))
            inside = inter / area
            covers = inter / mask.sum()
            seen['part'] += ((inside > 0.85) & (covers < 0.75)).any()
            alone = (masks & (scene.owner >= 0) & ~mask).sum((1, 2)) < 0.3 * (
                area)
            seen['halo'] += ((covers > 0.85) & alone & (inside < 0.75)).any()
    objects = sum(len(scene.objects) for scene, _, _ in drawn)
    assert 0.8 < seen['ground'] / len(drawn) < 1
    assert seen['region'] / len(drawn) > 1.1  # more than the whole ground
    assert 0 < seen['whole'] / len(drawn) < 0.1
    assert 0.25 < seen['merged'] / pairs < 0.6
    assert 0.3 < seen['part'] / objects < 0.8
    assert 0.05 < seen['halo'] / objects < 0.4


def test_touching_pairs_by_hand():

    class Owned:
        owner = np.array([[0, 0, 1], [2, -1, 1], [2, -1, 3]])

    assert touching_pairs(Owned) == [(0, 1), (0, 2), (1, 3)]


def test_seeded_per_image():

    def draw(num_train, seed):
        return {
            row[0]: row[1:]
            for row in iter_candidates(num_train, 1, 64, seed)
        }

    first = draw(2, 0)
    assert list(first) == [1, 2, 3, 4]
    for image_id, (masks, scores) in draw(2, 0).items():
        assert (masks == first[image_id][0]).all()
        assert (scores == first[image_id][1]).all()
    more = draw(3, 0)  # one more training picture changes no other one
    for before, after in ((1, 1), (2, 2), (3, 4), (4, 5)):
        assert (more[after][0] == first[before][0]).all()
    assert (draw(2, 1)[1][1][:3] != first[1][1][:3]).all()
