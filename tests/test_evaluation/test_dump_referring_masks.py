"""What a test writes is what the evaluation of predictions reads."""
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mmlangseg.evaluation import (DumpReferringMasks, image_code,
                                  point_indices, read_predictions)
from mmlangseg.io.coco_segmentation import decode_segmentation


def dump(path, *samples):
    """Write the masks of samples; the predictions read from the file."""
    evaluator = Evaluator(DumpReferringMasks(path))
    for sample in samples:
        evaluator.process([sample])
    assert evaluator.evaluate(len(samples)) == {}
    return list(read_predictions(path))


def scan(masks, **expression):
    expressions = [
        dict(text='it', ann_id=str(i), **expression)
        for i in range(len(masks))
    ]
    sample = BaseDataElement(
        metainfo=dict(scene_id='scene0000_00', expressions=expressions))
    sample.pred_instances_3d = InstanceData(masks=masks)
    return sample


def image(mask, **metainfo):
    metainfo = dict(
        dict(ref_id=4, sent_id=7, ori_shape=mask.shape, img_path='a.jpg'),
        **metainfo)
    sample = BaseDataElement(metainfo=metainfo)
    sample.pred_sem_seg = PixelData(data=mask[None].long())
    return sample


def test_scans(tmp_path):
    masks = torch.rand(3, 50) < 0.4
    masks[1] = False
    written = dump(tmp_path / 'a.jsonl', scan(masks, named_ids=[9]),
                   scan(masks[:1], named_ids=[2, 5]))
    assert [p.ids for p in written] == [
        dict(scene_id='scene0000_00', ann_id='0', object_id=9),
        dict(scene_id='scene0000_00', ann_id='1', object_id=9),
        dict(scene_id='scene0000_00', ann_id='2', object_id=9),
        dict(scene_id='scene0000_00', ann_id='0'),
    ]
    for prediction, mask in zip(written, (*masks, masks[0])):
        np.testing.assert_array_equal(
            point_indices(prediction, 50), np.flatnonzero(mask))


def test_images(tmp_path):
    mask = torch.rand(5, 8) < 0.4
    prediction, = dump(tmp_path / 'a.jsonl', image(mask))
    assert prediction.ids == dict(ref_id=4, sent_id=7)
    drawn = decode_segmentation(image_code(prediction, 5, 8), 5, 8)
    np.testing.assert_array_equal(drawn, mask)


@pytest.mark.parametrize('says_none', [False, True])
def test_missing_targets_are_said(tmp_path, says_none):
    """With the mask that would be shown otherwise."""
    mask = torch.rand(5, 8) < 0.4
    sample = image(mask & (not says_none), says_none=says_none)
    sample.any_sem_seg = PixelData(data=mask[None].long())
    prediction, = dump(tmp_path / 'a.jsonl', sample)
    assert prediction.ids['no_target'] is says_none
    drawn = decode_segmentation(image_code(prediction, 5, 8), 5, 8)
    np.testing.assert_array_equal(drawn, mask)


def test_masks_of_the_network_are_refused(tmp_path):
    """Predictions are evaluated at the size of the images."""
    small = image(torch.ones(4, 4), ori_shape=(5, 8))
    with pytest.raises(
            ValueError, match=r"a.jpg.*\(4, 4\).*\(5, 8\).*'original'"):
        dump(tmp_path / 'a.jsonl', small)
    assert not (tmp_path / 'a.jsonl').exists()


def test_missing_ids_are_named(tmp_path):
    sample = image(torch.ones(4, 4))
    sample.pop('sent_id')
    with pytest.raises(ValueError, match="'sent_id'.*add it to meta_keys"):
        dump(tmp_path / 'a.jsonl', sample)
