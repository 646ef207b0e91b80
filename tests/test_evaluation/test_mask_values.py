"""Masks of predictions in every form."""
import numpy as np
import pytest
from pycocotools import mask as mask_utils

from mmlangseg.evaluation import (Prediction, PredictionError, image_code,
                                  point_indices)


def spformer_code(mask):
    """Starts, from 1, and lengths of the runs."""
    steps = np.flatnonzero(np.diff(np.r_[0, mask, 0]))
    pairs = [f'{a + 1} {b - a}' for a, b in zip(steps[::2], steps[1::2])]
    return dict(length=len(mask), counts=' '.join(pairs))


def coco_counts(mask):
    """Uncompressed, beginning with background."""
    ends = np.flatnonzero(np.diff(mask.astype(int))) + 1
    runs = np.diff(np.r_[0, ends, len(mask)])
    return ([0] if mask[0] else []) + runs.tolist()


def points(kind, value, num_points=30):
    return point_indices(Prediction('p, row 4', {}, kind, value), num_points)


def test_all_forms_of_points_agree():
    rng = np.random.default_rng(0)
    for share in (0, 0, .1, .3, .5, .9, 1, 1):
        mask = rng.random(30) < share
        expected = np.flatnonzero(mask)
        shuffled = rng.permutation(np.r_[expected, expected])
        packed = mask_utils.encode(
            np.asfortranarray(mask[:, None].astype(np.uint8)))
        forms = [
            ('indices', expected.tolist()),
            ('indices', shuffled),
            ('indices', shuffled.astype(np.uint16)),
            ('mask', mask),
            ('mask', mask.astype(int).tolist()),
            ('mask', 255 * mask.astype(np.uint8)),
            ('rle', spformer_code(mask)),
            ('rle', dict(size=[30], counts=coco_counts(mask))),
            ('rle', dict(size=[1, 30], counts=coco_counts(mask))),
            ('rle', dict(size=[30, 1], counts=packed['counts'].decode())),
        ]
        for kind, value in forms:
            found = points(kind, value)
            assert found.dtype == np.int64
            assert np.array_equal(found, expected), (kind, value)


@pytest.mark.parametrize('kind, value, message', [
    ('indices', [0, 30], 'index 30 is not a point of the scan, which has 30'),
    ('indices', [-1, 3], 'index -1 is not a point'),
    ('indices', [0.5], 'not a list of integers'),
    ('indices', [True], 'not a list of integers'),
    ('indices', [[1, 2]], 'not a list of integers'),
    ('indices', [10**30], 'not a list of integers'),
    ('indices', {}, 'not a list of integers'),
    ('mask', [0, 1], r'"mask" has shape \(2,\)'),
    ('mask', ['a'] * 30, 'dtype <U1'),
    ('mask', [0.5] * 30, 'apply the threshold of the probability before'),
    ('mask', [[0], [0, 1]], 'not numbers 0 and 1'),
    ('polygons', [[0, 0, 1, 0, 1, 1]], 'it is polygons'),
    ('boxes', [], 'it is boxes'),
    ('rle', dict(size=[29], counts=[29]), r'"size" is \[29\]'),
    ('rle', dict(size='x', counts=[30]), '"size" is'),
    ('rle', dict(size=[30], counts=[29]), 'does not add up to the 30'),
    ('rle', dict(size=[30], counts=[10**30]), 'does not add up'),
    ('rle', dict(size=[30], counts='~~~'), 'characters that do not occur'),
    ('rle', dict(size=[30]), 'neither text nor a list'),
    ('rle', dict(length=29, counts='1 2'), '"length" is 29'),
    ('rle', dict(length=30, counts='1 2 3'), 'not pairs'),
    ('rle', dict(length=30, counts='1 x'), 'not pairs'),
    ('rle', dict(length=30), 'not pairs'),
    ('rle', dict(length=30, counts='0 2'), 'overlap or leave the scan'),
    ('rle', dict(length=30, counts='30 2'), 'overlap or leave the scan'),
    ('rle', dict(length=30, counts='3 4 5 1'), 'overlap or leave the scan'),
])
def test_wrong_points(kind, value, message):
    with pytest.raises(PredictionError, match=message) as error:
        points(kind, value)
    assert str(error.value).startswith('p, row 4: ')
    assert 'all 30 points of the scan' in str(error.value)


def image(kind, value, height=5, width=6):
    return image_code(Prediction('p, row 4', {}, kind, value), height, width)


def test_all_forms_of_images_agree():
    mask = np.zeros((5, 6), np.uint8)
    mask[1:3, 2:5] = 1
    packed = mask_utils.encode(np.asfortranarray(mask))
    for kind, value in [
        ('mask', mask),
        ('mask', mask.tolist()),
        ('rle', dict(size=[5, 6], counts=packed['counts'].decode())),
        ('rle', dict(size=[5, 6], counts=coco_counts(mask.T.ravel()))),
        ('polygons', [[2, 1, 5, 1, 5, 3, 2, 3]]),
        ('polygons', [dict(size=[5, 6], counts=packed['counts'].decode())]),
    ]:
        assert np.array_equal(mask_utils.decode(image(kind, value)), mask)
    for kind in ('mask', 'polygons'):
        empty = mask_utils.decode(image(kind, []))
        assert empty.shape == (5, 6) and not empty.any()


@pytest.mark.parametrize('kind, value, message', [
    ('mask', np.zeros((6, 5)), r'"mask" has shape \(6, 5\)'),
    ('rle', dict(size=[6, 5], counts=[30]), r'"size" is \[6, 5\]'),
    ('rle', dict(size=[5, 6], counts='0'), 'does not add up'),
    ('polygons', [[1, 2, 3]], 'not pairs'),
    ('polygons', 3, 'neither polygons nor'),
    ('indices', [1], 'masks of pixels are wanted'),
])
def test_wrong_images(kind, value, message):
    with pytest.raises(PredictionError, match=message) as error:
        image(kind, value)
    assert 'original image, 5 x 6 pixels' in str(error.value)
