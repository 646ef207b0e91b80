from __future__ import annotations
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS

from mmlangseg.semires.candidates import (CandidateCache, CandidateCacheError,
                                          Candidates)

MASK = np.arange(48).reshape(6, 8) % 5 == 0


@pytest.fixture
def root(tmp_path) -> str:
    cache = CandidateCache.create(
        tmp_path / 'cache',
        dict(
            dataset='toy',
            size=(6, 8),
            generator=dict(name='x', parameters={})))
    cache.save(3, Candidates.from_masks([MASK]))
    cache.save(4, Candidates.from_masks([], (6, 8)))
    return str(cache.root)


def load(root: str, results: dict, **settings) -> dict:
    transform = TRANSFORMS.build(
        dict(type='LoadMaskCandidates', cache=root, **settings))
    return transform(dict(results))


def test_load(root):
    results = dict(img_id=3, img_shape=(6, 8), img_path='3.jpg')
    out = load(root, results, expect=dict(dataset='toy'))
    assert len(out['candidates']) == 1
    assert (out['candidates'].mask(0) == MASK).all()
    assert load(root,
                dict(results,
                     flip=False))['candidates'].rles == out['candidates'].rles
    flipped = load(root, dict(results, flip=True))['candidates']
    assert (flipped.mask(0) == MASK[:, ::-1]).all()
    for direction in ('vertical', 'diagonal'):
        with pytest.raises(ValueError, match=f'image is {direction}: put'):
            load(root, dict(results, flip=True, flip_direction=direction))


@pytest.mark.parametrize('steps', [
    [dict(type='Resize', scale=(12, 9)),
     dict(type='RandomCrop', crop_size=(6, 8))],
    [dict(type='RandomCrop', crop_size=(9, 16)),
     dict(type='Resize', scale=(8, 6))],
    [dict(type='Resize', scale=(8, 6), keep_ratio=True),
     dict(type='Pad', size=(8, 6))],
])  # yapf: disable
def test_masks_are_not_laid_over_a_part_of_the_image(root, steps):
    """Nor over padding; the size is that of the cache."""
    init_default_scope('mmseg')
    image = np.zeros((12, 32, 3), np.uint8)
    sample = dict(
        img=image,
        img_shape=(12, 32),
        ori_shape=(12, 32),
        img_id=3,
        img_path='3.jpg')
    np.random.seed(0)
    for step in steps:
        sample = TRANSFORMS.build(step)(sample)
    assert sample['img'].shape[:2] == (6, 8)
    with pytest.raises(ValueError, match='LoadMaskCandidates must stand bef'):
        load(root, sample)


def test_masks_are_laid_over_a_resized_image(root):
    init_default_scope('mmseg')
    image = np.zeros((13, 31, 3), np.uint8)
    sample = dict(img=image, img_shape=(13, 31), ori_shape=(13, 31), img_id=3)
    sample = TRANSFORMS.build(dict(type='Resize', scale=(8, 6)))(sample)
    assert len(load(root, sample)['candidates']) == 1


def test_no_candidates(root):
    assert len(load(root, dict(img_id=4, img_shape=(6, 8)))['candidates']) == 0
    results = dict(img_id=5, img_shape=(6, 8), img_path='5.jpg')
    assert load(root, results)['candidates'] is None
    with pytest.raises(ValueError, match='image 5 .5.jpg.*generate_cand'):
        load(root, results, required=True)


def test_another_size(root):
    with pytest.raises(ValueError, match=r'\(6, 8\).*\(9, 8\).*--size 9 8'):
        load(root, dict(img_id=3, img_shape=(9, 8)))


def test_images_turned_in_another_way(root):
    path = Path(root, 'header.json')
    header = json.loads(path.read_text())
    header['generator']['ignore_orientation'] = True
    path.write_text(json.dumps(header))
    results = dict(img_id=3, img_shape=(6, 8))
    assert len(load(root, results)['candidates']) == 1
    stored = dict(results, ignore_orientation=True)
    assert len(load(root, stored)['candidates']) == 1
    with pytest.raises(CandidateCacheError, match='was turned as EXIF says'):
        load(root, dict(results, ignore_orientation=False))


def test_another_data_set(root):
    with pytest.raises(CandidateCacheError, match='"dataset" is \'toy\''):
        load(root, {}, expect=dict(dataset='refcoco'))


def test_masks_of_the_released_rule_are_warned_of(root, tmp_path, monkeypatch):
    """Unless they are asked for; caches without the field are such."""
    warnings = []
    monkeypatch.setattr(
        'mmlangseg.semires.transforms.load_mask_candidates.print_log',
        lambda text, *args: warnings.append(text))
    results = dict(img_id=3, img_shape=(6, 8))
    load(root, results)
    assert len(warnings) == 1 and root in warnings[0]
    load(root, results, expect=dict(resize='corner'))
    new = CandidateCache.create(
        tmp_path / 'new',
        dict(dataset='toy', size=(6, 8), resize='center', generator={}))
    load(str(new.root), results)
    assert len(warnings) == 1
    with pytest.raises(CandidateCacheError, match='"resize" is \'center\''):
        load(str(new.root), results, expect=dict(resize='corner'))


def test_no_cache(tmp_path):
    with pytest.raises(CandidateCacheError, match='header.json'):
        load(str(tmp_path), {})


def test_repr(root):
    transform = TRANSFORMS.build(dict(type='LoadMaskCandidates', cache=root))
    assert repr(transform) == (
        f'LoadMaskCandidates(cache={root!r}, required=False)')
