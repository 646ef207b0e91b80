from __future__ import annotations

import numpy as np
import pytest

from mmlangseg.engine import seeded
from mmlangseg.semires.candidates import Candidates
from mmlangseg.semires.transforms import RandomReferringFlip, swap_left_right


@pytest.mark.parametrize('text, expected', [
    ('man on the left', 'man on the right'),
    ('left of the right one', 'right of the left one'),
    ('Left guy, RIGHT hand', 'Right guy, LEFT hand'),
    ('lft girl', 'rt girl'),
    ('rt.', 'lft.'),
    ('rgt cow', 'left cow'),
    ('leftmost, right-most', 'rightmost, left-most'),
    ('bright shirt, upright, rights, art', 'bright shirt, upright, rights, '
     'art'),
    ('the big one', 'the big one'),
    ('', ''),
])
def test_words(text, expected):
    assert swap_left_right(text) == expected


@pytest.mark.parametrize('text', ['left lft right rt', 'Leftmost lefty'])
def test_words_twice(text):
    assert swap_left_right(swap_left_right(text)) == text


def sample():
    rng = np.random.default_rng(0)
    mask = (rng.random((6, 8)) < 0.5).astype(np.uint8)
    return dict(
        img=rng.integers(0, 256, (6, 8, 3), np.uint8),
        gt_seg_map=mask,
        seg_fields=['gt_seg_map'],
        text='left cup',
        candidates=Candidates.from_masks([mask]))


def test_flipped():
    before, after = sample(), RandomReferringFlip(1.)(sample())
    assert after['flip'] is True and after['flip_direction'] == 'horizontal'
    assert after['text'] == 'right cup'
    for key in ('img', 'gt_seg_map'):
        np.testing.assert_array_equal(after[key], before[key][:, ::-1])
    np.testing.assert_array_equal(after['candidates'].mask(0),
                                  before['gt_seg_map'][:, ::-1] == 1)


def test_not_flipped():
    before, after = sample(), RandomReferringFlip(0)(sample())
    assert after['flip'] is False and after['text'] == 'left cup'
    np.testing.assert_array_equal(after['img'], before['img'])


@pytest.mark.parametrize('candidates', [{}, dict(candidates=None)])
def test_without_mask_and_candidates(candidates):
    results = dict(img=sample()['img'], text='lft', **candidates)
    assert RandomReferringFlip(1.)(results)['text'] == 'rt'


def test_probability():
    flip = RandomReferringFlip()
    with seeded(0):
        flips = [flip(sample())['flip'] for _ in range(200)]
    assert 0.4 < np.mean(flips) < 0.6
