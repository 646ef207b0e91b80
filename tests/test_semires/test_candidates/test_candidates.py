from __future__ import annotations
import copy
import json
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmlangseg.semires.candidates import (Candidates, draw_candidates,
                                          read_released)
from mmlangseg.semires.candidates.rle import corner_index, encode_start_length


def random_masks(seed: int, number: int = 6, size=(23, 31)) -> np.ndarray:
    """Masks of all densities, empty and full ones too."""
    rng = np.random.default_rng(seed)
    density = rng.choice([0., 0.1, 0.5, 0.9, 1.], (number, 1, 1))
    return rng.random((number, *size)) < density


def start_length(mask: np.ndarray) -> list[int]:
    """As the released code writes it, pixel by pixel."""
    counts, previous = [], 0
    for i, value in enumerate(mask.ravel('F').tolist(), 1):
        if value and not previous:
            counts += [i, 0]
        if value:
            counts[-1] += 1
        previous = value
    return counts


@pytest.mark.parametrize('seed', range(5))
def test_masks_come_back(seed):
    masks = random_masks(seed)
    candidates = Candidates.from_masks(masks, scores=np.arange(6))
    assert candidates.size == (23, 31) and len(candidates) == 6
    for i, mask in enumerate(masks):
        assert (candidates.mask(i) == mask).all()
    assert candidates.areas.tolist() == masks.sum((1, 2)).tolist()
    assert candidates.areas.dtype == np.int64
    assert candidates.boxes.shape == (6, 4)
    assert candidates.scores.tolist() == list(range(6))
    assert candidates.scores.dtype == np.float32


def test_boxes():
    mask = np.zeros((9, 12))
    mask[2:5, 3:10] = 1
    boxes = Candidates.from_masks([mask]).boxes
    assert boxes.tolist() == [[3, 2, 7, 3]] and boxes.dtype == np.float32


@pytest.mark.parametrize('seed', range(5))
def test_intersections_and_union(seed):
    masks, other = random_masks(seed), random_masks(seed + 50)[2]
    candidates = Candidates.from_masks(masks)
    assert candidates.intersections(other).tolist() == (masks & other).sum(
        (1, 2)).tolist()
    union = candidates.union([0, 3, 5])
    assert union.dtype == bool
    assert (union == masks[[0, 3, 5]].any(0)).all()
    assert not candidates.union([]).any()


def test_no_candidates():
    empty = Candidates.from_masks([], size=(4, 5))
    assert len(empty) == 0 and not empty
    assert empty.boxes.shape == (0, 4)
    assert empty.intersections(np.ones((4, 5), bool)).shape == (0, )
    assert empty.resized((8, 8)).size == (8, 8)
    assert empty.flipped().size == (4, 5)
    with pytest.raises(ValueError, match='size'):
        Candidates.from_masks([])


@pytest.mark.parametrize('size', [(40, 40), (23, 31), (7, 90)])
def test_resize_by_corners_is_that_of_torch(size):
    """The released code's."""
    masks = random_masks(3)
    ours = Candidates.from_masks(masks).resized(size, 'corner')
    theirs = F.interpolate(
        torch.from_numpy(masks[None].astype(np.uint8)), size, mode='nearest')
    assert ours.size == size
    for i, mask in enumerate(theirs[0].bool().numpy()):
        assert (ours.mask(i) == mask).all()


@pytest.mark.parametrize('source, target', [(640, 480), (427, 480), (333, 7),
                                            (500, 480), (1, 5)])
def test_corner_index_is_that_of_torch(source, target):
    pixels = torch.arange(source, dtype=torch.float32)[None, None]
    theirs = F.interpolate(pixels, target, mode='nearest')[0, 0].long()
    assert corner_index(target, source).tolist() == theirs.tolist()


def test_flip():
    masks = random_masks(1)
    flipped = Candidates.from_masks(masks, scores=range(6)).flipped()
    assert (flipped.mask(2) == masks[2, :, ::-1]).all()
    assert flipped.scores.tolist() == list(range(6))


def test_text_codes_are_taken():
    made = Candidates.from_masks(random_masks(0))
    rles = [dict(r, counts=r['counts'].decode()) for r in made.rles]
    assert Candidates.from_rles(rles, made.size).rles == made.rles


def test_copies():
    made = Candidates.from_masks(random_masks(0))
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other.rles == made.rles and other.size == made.size


@pytest.mark.parametrize('call, message', [
    (lambda c: c.intersections(np.ones((9, 9), bool)), r'size \[9, 9\]'),
    (lambda c: Candidates.from_rles(c.rles, (9, 9)), r'mask 0 has the size'),
    (lambda c: Candidates.from_rles(c.rles, c.size, [1]), '1 scores for 6'),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(Candidates.from_masks(random_masks(0)))


class TestReleased:

    @pytest.mark.parametrize('seed', range(5))
    def test_read(self, seed, tmp_path):
        masks = random_masks(seed)
        items = [
            dict(counts=start_length(mask), size=[23, 31]) for mask in masks
        ]
        (tmp_path / '7.json').write_text(json.dumps(items))
        candidates = read_released(tmp_path / '7.json')
        for i, mask in enumerate(masks):
            assert (candidates.mask(i) == mask).all()
        again = Candidates.from_masks(masks)
        assert candidates.rles == again.rles

    def test_runs_that_touch_are_one(self):
        parts = encode_start_length([3, 2, 5, 4], (4, 5))
        assert parts == encode_start_length([3, 6], (4, 5))

    @pytest.mark.parametrize('item, message', [
        (dict(counts=[1, 2, 3], size=[4, 5]), 'pairs'),
        (dict(counts=[0.5, 2], size=[4, 5]), 'pairs'),
        (dict(counts=[1, 0], size=[4, 5]), 'empty or out of order'),
        (dict(counts=[0, 2], size=[4, 5]), 'empty or out of order'),
        (dict(counts=[5, 3, 2, 1], size=[4, 5]), 'empty or out of order'),
        (dict(counts=[19, 3], size=[4, 5]), 'ends at pixel 21'),
        (dict(counts=[1, 2]), 'size'),
        (dict(counts=[1, 2], size=[4]), 'mask 0'),
        (3, 'mask 0'),
    ])
    def test_damaged_mask(self, item, message, tmp_path):
        path = tmp_path / '7.json'
        path.write_text(json.dumps([item]))
        with pytest.raises(ValueError, match=message) as error:
            read_released(path)
        assert str(path) in str(error.value)

    @pytest.mark.parametrize('text', ['', '[]', '{}', '[1'])
    def test_damaged_file(self, text, tmp_path):
        (tmp_path / '7.json').write_text(text)
        with pytest.raises(ValueError, match='7.json.* Leave it out'):
            read_released(tmp_path / '7.json')


def test_draw():
    masks = np.zeros((2, 20, 30), bool)
    masks[0, 2:12, 2:12] = masks[1, 4:8, 4:8] = True
    image = np.full((20, 30, 3), 100, np.uint8)
    drawn = draw_candidates(image, Candidates.from_masks(masks[::-1]))
    assert (drawn[15, 20] == 100).all()
    assert len({tuple(drawn[y, x]) for y, x in ((15, 20), (3, 3), (6, 6))}
               ) == 3  # yapf: disable
    # the outline of the small one lies over the large one
    assert drawn[4, 4].max() == 255
    with pytest.raises(ValueError, match='size'):
        draw_candidates(image[:5], Candidates.from_masks(masks))
