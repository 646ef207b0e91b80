from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as mask_utils
from refer_data import TWO_PARTS, square

from mmlangseg.io.coco_segmentation import (check_segmentation,
                                            decode_segmentation)

SIZE = (30, 40)


def random_mask(seed, share=0.5):
    return (np.random.default_rng(seed).random(SIZE) < share).astype(np.uint8)


def uncompressed(mask):
    """COCO's list of runs, beginning with background."""
    flat = mask.ravel(order='F')
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.r_[0, edges, flat.size]).tolist()
    return dict(size=list(mask.shape), counts=[0] * int(flat[0]) + runs)


def test_polygon():
    mask = decode_segmentation([square(6, x=2, y=3)], *SIZE)
    expected = np.zeros(SIZE, np.uint8)
    expected[3:9, 2:8] = 1
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)


def test_overlapping_polygons():
    union = np.zeros(SIZE, np.uint8)
    union[5:25, 5:30] = 1
    official = union.copy()
    official[5:25, 15:20] = 0  # counted twice, and 2 is not 1
    np.testing.assert_array_equal(decode_segmentation(TWO_PARTS, *SIZE), union)
    np.testing.assert_array_equal(
        decode_segmentation(TWO_PARTS, *SIZE, overlap='official'), official)


def test_many_overlaps_do_not_wrap_around():
    mask = decode_segmentation([square(6)] * 256, *SIZE)
    assert mask.sum() == 36


@pytest.mark.parametrize('seed, share', [(0, 0.5), (1, 0.02), (2, 0.98),
                                         (3, 0.), (4, 1.1)])
def test_run_length_codes(seed, share):
    """Compressed and not, as pycocotools writes them."""
    mask = random_mask(seed, share)
    compressed = mask_utils.encode(np.asfortranarray(mask))
    text = dict(compressed, counts=compressed['counts'].decode())
    for code in (compressed, text, uncompressed(mask), [uncompressed(mask)]):
        if share:
            check_segmentation(code, *SIZE)
        np.testing.assert_array_equal(decode_segmentation(code, *SIZE), mask)


def test_long_runs():
    """Runs whose code has several characters, and negative differences."""
    mask = np.zeros((700, 900), np.uint8)
    mask[:, 300:] = 1
    mask[5, 5] = mask[600, 10] = 1
    code = mask_utils.encode(np.asfortranarray(mask))
    np.testing.assert_array_equal(decode_segmentation(code, 700, 900), mask)


@pytest.mark.parametrize('segmentation', [[[]], [[1., 1., 5., 5.]], []])
def test_nothing_enclosed(segmentation):
    with pytest.raises(ValueError, match='no polygon of three points'):
        check_segmentation(segmentation, *SIZE)
    assert not decode_segmentation(segmentation, *SIZE).any()


def test_degenerate_part_is_passed_over():
    parts = [[1., 1., 39., 29.], square(6), []]
    check_segmentation(parts, *SIZE)
    np.testing.assert_array_equal(
        decode_segmentation(parts, *SIZE),
        decode_segmentation([square(6)], *SIZE))


@pytest.mark.parametrize(
    'segmentation',
    [
        [[5.1, 5.1, 5.2, 5.1, 5.2, 5.2]],  # too thin to hold a pixel
        [[5., 5., 10., 5., 20., 5.]],  # on a line
        [square(6, x=50)],  # beside the image
        [square(6, y=-20), [1., 1., 2., 2.]],
        dict(size=[30, 40], counts=[1200]),
        mask_utils.encode(np.zeros(SIZE, np.uint8, 'F')),
    ])
def test_no_pixel_is_covered(segmentation):
    """The target would be empty, as if nothing was meant."""
    assert not decode_segmentation(segmentation, *SIZE).any()
    with pytest.raises(ValueError, match='it covers no pixel of the image'):
        check_segmentation(segmentation, *SIZE)


def test_one_part_covers_a_pixel():
    parts = [square(6, x=50), [5., 5., 6., 5., 6., 6., 5., 6.]]
    check_segmentation(parts, *SIZE)
    assert decode_segmentation(parts, *SIZE).sum() == 1


def test_outlines_may_reach_beyond_the_image():
    """By its longer side, as some of COCO do by a pixel."""
    outline = [[-80., 0., 80., 0., 80., 80., -80., 80.]]
    check_segmentation(outline, *SIZE)
    assert decode_segmentation(outline, *SIZE).all()


@pytest.mark.parametrize('segmentation, message', [
    (None, 'it is None, neither polygons nor'),
    ('abc', 'neither polygons nor'),
    ([1., 2., 3., 4., 5., 6.], 'a part is 1.0'),
    ([[1., 2., 3.]], 'a polygon has 3 numbers'),
    ([['a', 'b'] * 3], 'a polygon is not a list of numbers'),
    ([[float('nan')] * 6], 'a polygon has NaN'),
    ([[1e30, 0., 0., 0., 1., 1.]], 'lies far outside'),
    ([[80.1, 0., 0., 0., 1., 1.]], 'lies far outside'),
    ([[0., 0., 0., -80.1, 1., 1.]], 'lies far outside'),
    (dict(size=[30, 41], counts=[1230]), r'"size" is \[30, 41\]'),
    (dict(counts=[1200]), r'"size" is None'),
    (dict(size=[30, 40]), '"counts" is neither'),
    (dict(size=[30, 40], counts=[1, 'a']), '"counts" is neither'),
    (dict(size=[30, 40], counts=[1, 2]), 'does not add up to the 1200'),
    (dict(size=[30, 40], counts=[-1, 1201]), 'does not add up'),
    (dict(size=[30, 40], counts=''), 'does not add up'),
    (dict(size=[30, 40], counts='0'), 'does not add up'),
    (dict(size=[30, 40], counts='o'), 'is cut off'),
    (dict(size=[30, 40], counts='\x01'), 'characters that do not occur'),
    (dict(size=[30, 40], counts='o' * 5000), 'is cut off'),
    (dict(size=[30, 40], counts='o' * 5000 + '0'), 'larger than any image'),
    (dict(size=5, counts=[1200]), '"size" is 5, but'),
    (dict(size=[30, 40], counts=[2**70, 1200 - 2**70]), 'does not add up'),
    ([['5.0'] * 6], 'a polygon is not a list of numbers'),
    ([[[1., 2.], [3., 4.], [5., 6.], [7., 8.]]], 'not a list of numbers'),
    ([[10**400, 0., 0., 0., 1., 1.]], 'lies far outside'),
    ([[0., 0., 40., 30.] * 9999], 'longer than the outline of all pixels'),
])
def test_malformed(segmentation, message):
    with pytest.raises(ValueError, match=message):
        check_segmentation(segmentation, *SIZE)
    with pytest.raises(ValueError, match=message):
        decode_segmentation(segmentation, *SIZE)
