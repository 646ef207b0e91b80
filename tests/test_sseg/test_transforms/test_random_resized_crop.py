from __future__ import annotations

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmlangseg.engine import seeded
from mmlangseg.sseg.transforms import RandomResizedCrop


def sample(height=40, width=60) -> dict:
    """An image whose channels are its row, column and label."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    labels = (rows // 8 * 8 + columns // 8).astype(np.uint8)
    return dict(
        img=np.stack([rows, columns, labels], -1),
        gt_seg_map=labels,
        seg_fields=['gt_seg_map'])


def test_registered():
    init_default_scope('mmseg')
    transform = TRANSFORMS.build(dict(type='RandomResizedCrop', size=8))
    assert 'size=(8, 8)' in repr(transform)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_image_and_labels_stay_together(backend):
    transform = RandomResizedCrop((24, 32),
                                  backend=backend,
                                  interpolation='bilinear')
    for seed in range(20):
        with seeded(seed):
            results = transform(sample())
        assert results['img'].shape == (24, 32, 3)
        assert results['img_shape'] == results['gt_seg_map'].shape == (24, 32)
        assert results['gt_seg_map'].dtype == np.uint8
        rows, columns = results['img'][..., 0], results['img'][..., 1]
        inner = (rows % 8 > 1) & (rows % 8 < 6) & (columns % 8 > 1) & \
            (columns % 8 < 6)
        expected = rows // 8 * 8 + columns // 8
        assert np.array_equal(results['gt_seg_map'][inner], expected[inner])


def test_labels_by_the_nearest_pixel():
    """As Pillow, but for every type."""
    labels = np.arange(7 * 11).reshape(7, 11)
    for size in ((16, 5), (3, 30), (7, 11), (1, 1)):
        transform = RandomResizedCrop(size, scale=(1, 1), ratio=(11 / 7, ) * 2)
        results = transform(
            dict(
                img=np.zeros((7, 11, 3), np.uint8),
                gt_seg_map=labels * 1000,
                seg_fields=['gt_seg_map']))
        assert results['crop_box'] == (0, 0, 7, 11)
        expected = Image.fromarray(labels.astype(np.uint8)).resize(
            size[::-1], Image.Resampling.NEAREST)
        assert np.array_equal(results['gt_seg_map'],
                              np.asarray(expected).astype(int) * 1000)


def test_boxes():
    """Area and aspect ratio cover what was asked for, and nothing else."""
    transform = RandomResizedCrop(4, scale=(0.2, 0.8), ratio=(0.5, 2.))
    with seeded(0):
        boxes = np.array([
            transform(dict(img=np.zeros((300, 400, 3), np.uint8)))['crop_box']
            for _ in range(400)
        ])
    top, left, height, width = boxes.T
    assert (top >= 0).all() and (top + height <= 300).all()
    assert (left >= 0).all() and (left + width <= 400).all()
    area, ratio = height * width / 120000, width / height
    assert 0.195 < area.min() < 0.22 and 0.7 < area.max() < 0.805
    assert 0.49 < ratio.min() < 0.55 and 1.8 < ratio.max() < 2.02
    assert abs(np.log(ratio[area < 0.4]).mean()) < 0.1  # even in logarithms
    for start, free in ((top, 300 - height), (left, 400 - width)):
        assert abs(np.mean(start[free > 20] / free[free > 20]) - 0.5) < 0.05


@pytest.mark.parametrize(
    'shape, box',
    [
        ((100, 20), (36, 0, 27, 20)),  # 20 / (3 / 4) high
        ((20, 100), (0, 36, 20, 27)),
        ((1, 1), (0, 0, 1, 1)),
        ((1, 50), (0, 24, 1, 1)),
    ])
def test_images_that_no_box_fits_into(shape, box):
    transform = RandomResizedCrop(4, scale=(1, 1))
    results = transform(dict(img=np.zeros((*shape, 3), np.uint8)))
    assert results['crop_box'] == box
    assert results['img'].shape == (4, 4, 3)


def test_same_seed_same_crop():
    transform = RandomResizedCrop(8)
    found = []
    for seed in (0, 0, 1):
        with seeded(seed):
            found.append(transform(sample())['crop_box'])
    assert found[0] == found[1] != found[2]


def test_other_size_of_labels():
    item = sample()
    item['gt_seg_map'] = item['gt_seg_map'][1:]
    with pytest.raises(ValueError, match='gt_seg_map .*39, 60.*40, 60'):
        RandomResizedCrop(8)(item)


@pytest.mark.parametrize('kwargs', [
    dict(size=0),
    dict(size=(1, 2, 3)),
    dict(size=8, scale=(0, 1)),
    dict(size=8, scale=(0.5, 0.1)),
    dict(size=8, ratio=(2, 1)),
    dict(size=8, backend='gpu')
])
def test_wrong_arguments(kwargs):
    with pytest.raises(ValueError, match=list(kwargs)[-1]):
        RandomResizedCrop(**kwargs)
