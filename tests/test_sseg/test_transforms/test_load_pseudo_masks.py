from __future__ import annotations
import json
from pathlib import Path

import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS

from mmlangseg.sseg.datasets.pair_source import BrokenPairError
from mmlangseg.sseg.pseudo_masks import PseudoMaskCache, PseudoMaskCacheError
from mmlangseg.sseg.transforms import LoadPseudoMasks, RandomResizedCrop


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture
def cache(tmp_path) -> str:
    """Sample 0 has four quarters, sample 1 was broken."""
    cache = PseudoMaskCache.create(
        tmp_path / 'c',
        dict(
            dataset='toy',
            num_samples=3,
            num_clusters=4,
            grid=(2, 2),
            shard_size=2,
            generator={}))
    cache.write_shard(0, {0: ('a', np.array([[0, 1], [2, 3]]))})
    return str(tmp_path / 'c')


def sample(height=6, width=8, **others) -> dict:
    """Left half 10, right half 20."""
    image = np.full((height, width, 3), 10, np.uint8)
    image[:, width // 2:] = 20
    return dict(
        img=image,
        img_shape=(height, width),
        sample_id=0,
        key='a',
        seg_fields=[],
        **others)


def test_stretched_over_the_image(cache):
    results = LoadPseudoMasks(cache)(sample())
    expected = np.kron([[0, 1], [2, 3]], np.ones((3, 4)))
    assert (results['gt_seg_map'] == expected).all()
    assert results['gt_seg_map'].dtype == np.uint8
    assert results['seg_fields'] == ['gt_seg_map']
    odd = LoadPseudoMasks(cache)(sample(5, 1))
    # a pixel that two cells share belongs to the one of its center
    assert odd['gt_seg_map'][:, 0].tolist() == [1, 1, 3, 3, 3]


def test_moves_with_the_image(cache):
    pipeline = Compose([
        TRANSFORMS.build(cfg)
        for cfg in (dict(type='LoadPseudoMasks', cache=cache),
                    dict(type='RandomResizedCrop', size=(16, 16)),
                    dict(type='RandomFlip', prob=1.),
                    dict(type='PackSegInputs', meta_keys=('key', )))
    ])
    np.random.seed(0)
    for _ in range(10):
        packed = pipeline(sample(60, 80))
        labels = packed['data_samples'].gt_sem_seg.data[0]
        assert labels.shape == (16, 16)
        right = packed['inputs'][0] > 15
        # 1 and 3 are in the right half; one column may be on the border
        assert ((labels % 2 == 1) == right).float().mean() > 0.93
        assert packed['data_samples'].key == 'a'


def test_an_image_that_was_broken(cache):
    with pytest.raises(BrokenPairError, match='b: image has no pseudo-masks'):
        LoadPseudoMasks(cache)(dict(sample(), sample_id=1, key='b'))


@pytest.mark.parametrize('step, fits', [
    (dict(type='Resize', scale=(7, 9), keep_ratio=False), True),
    (dict(type='RandomResize', scale=(40, 30), ratio_range=(0.5, 2.),
          keep_ratio=True), True),
    (dict(type='RandomCrop', crop_size=(4, 8)), False),
    (dict(type='Pad', size_divisor=16), False),
])  # yapf: disable
def test_maps_are_laid_over_whole_images_only(cache, step, fits):
    np.random.seed(0)
    given = TRANSFORMS.build(step)(sample(ori_shape=(6, 8)))
    if fits:
        results = LoadPseudoMasks(cache)(given)
        assert results['gt_seg_map'].shape == given['img'].shape[:2]
        return
    with pytest.raises(
            ValueError,
            match='a: LoadPseudoMasks must stand before whatever crops or'):
        LoadPseudoMasks(cache)(given)


@pytest.mark.parametrize('made', [False, True, None])
def test_orientation(cache, made):
    """Masks of a turned image are not laid over one that is not."""
    path = Path(cache, 'header.json')
    header = json.loads(path.read_text())
    if made is not None:  # older caches do not say
        header['generator']['ignore_orientation'] = made
    path.write_text(json.dumps(header))
    load = LoadPseudoMasks(cache)
    assert 'gt_seg_map' in load(sample())  # of a loader that does not say
    for loaded in False, True:
        if made in (None, loaded):
            assert 'gt_seg_map' in load(sample(ignore_orientation=loaded))
        else:
            with pytest.raises(
                    PseudoMaskCacheError,
                    match=f'ignore_orientation={made}, .* with {loaded}'):
                load(sample(ignore_orientation=loaded))


def test_errors(cache, tmp_path):
    load = LoadPseudoMasks(cache, expect=dict(num_clusters=4))
    with pytest.raises(PseudoMaskCacheError, match='another key'):
        load(dict(sample(), key='b'))
    with pytest.raises(PseudoMaskCacheError, match='not complete'):
        load(dict(sample(), sample_id=2))
    with pytest.raises(ValueError, match=r"needs \['sample_id'\]"):
        load({k: v for k, v in sample().items() if k != 'sample_id'})
    with pytest.raises(ValueError, match='before RandomFlip'):
        load(sample(flip=True))
    with pytest.raises(ValueError, match='before RandomResizedCrop'):
        load(RandomResizedCrop((4, 4), scale=(0.1, 0.2))(sample()))
    with pytest.raises(PseudoMaskCacheError, match='field "num_clusters"'):
        LoadPseudoMasks(cache, expect=dict(num_clusters=8))
    with pytest.raises(PseudoMaskCacheError, match='no header.json'):
        LoadPseudoMasks(str(tmp_path))
