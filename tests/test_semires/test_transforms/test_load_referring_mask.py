from __future__ import annotations

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from refer_data import TWO_PARTS, square

from mmlangseg.semires.transforms import LoadReferringMask


def sample(*segmentations, **fields):
    return dict(
        img_path='a.jpg',
        ref_id=7,
        height=30,
        width=40,
        segmentation=list(segmentations),
        seg_fields=[],
        **fields)


def test_one_target():
    results = LoadReferringMask()(sample([square(6)], ori_shape=(30, 40)))
    mask = results['gt_seg_map']
    assert mask.dtype == np.uint8 and mask.shape == (30, 40)
    assert mask.sum() == 36 and mask[3:9, 2:8].all()
    assert results['seg_fields'] == ['gt_seg_map']


def test_no_target_is_an_empty_mask():
    mask = LoadReferringMask()(sample())['gt_seg_map']
    assert mask.shape == (30, 40) and not mask.any()


@pytest.mark.parametrize('overlap, one, two', [('union', 500, 536),
                                               ('official', 400, 436)])
def test_overlap_rule_is_within_one_object(overlap, one, two):
    """Targets that overlap each other are united under both rules."""
    load = LoadReferringMask(overlap)
    assert load(sample(TWO_PARTS))['gt_seg_map'].sum() == one
    other = square(6, x=32, y=3)  # beside the parts
    assert load(sample(TWO_PARTS, [other], [other]))['gt_seg_map'].sum() == two


def test_not_annotated():
    results = sample()
    del results['segmentation']
    with pytest.raises(ValueError, match='a.jpg, ref_id 7 has no "ann_id"'):
        LoadReferringMask()(dict(results))
    assert LoadReferringMask(required=False)(dict(results)) == results


@pytest.mark.parametrize('fields, message', [
    (dict(ori_shape=(40, 30)), r'a.jpg, ref_id 7: the image has \(40, 30\)'),
    (dict(flip=True), 'must come before RandomReferringFlip'),
])
def test_faults(fields, message):
    with pytest.raises(ValueError, match=message):
        LoadReferringMask()(sample([square(6)], **fields))


@pytest.mark.parametrize('step, fits', [
    (dict(type='Resize', scale=(20, 20)), True),
    (dict(type='RandomCrop', crop_size=(20, 20)), False),
    (dict(type='Pad', size_divisor=32), False),
])
def test_images_that_are_not_whole(step, fits):
    """A resize behind it would make a mask of all of it fit a part."""
    init_default_scope('mmseg')
    given = sample([square(6)], ori_shape=(30, 40), img_shape=(30, 40))
    given['img'] = np.zeros((30, 40, 3), np.uint8)
    given = TRANSFORMS.build(step)(given)
    if fits:
        assert LoadReferringMask()(given)['gt_seg_map'].shape == (30, 40)
        return
    with pytest.raises(
            ValueError,
            match='a.jpg: LoadReferringMask must stand before whatever crops'):
        LoadReferringMask()(given)


def test_malformed_segmentation_names_the_object():
    with pytest.raises(
            ValueError, match='a.jpg, ref_id 7, "segmentation": a polygon'):
        LoadReferringMask()(sample([[1., 2., 3.]]))


def test_bad_rule():
    with pytest.raises(ValueError, match="overlap must be .* 'any'"):
        LoadReferringMask(overlap='any')
