import numpy as np
import pytest
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import Det3DDataSample
from mmdet3d.structures.points import DepthPoints

from mmlangseg.less.transforms import (BuildReferringMasks, JitterScanColor,
                                       NormalizeScanColor,
                                       PackReferring3DInputs)


def make_results(**kwargs):
    points = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return dict(
        scene_id='s',
        points=DepthPoints(
            points, points_dim=6, attribute_dims=dict(color=[3, 4, 5])),
        pts_instance_mask=np.array([0, 1, 3, 3]),
        pts_instance_mask_path='s.bin',
        expressions=[
            dict(text='a', ann_id='0', object_ids=[2]),
            dict(text='b', ann_id='1', object_ids=[0, 2]),
            dict(text='c', ann_id='2', object_ids=[]),
            dict(text='d', ann_id='3', object_ids=[1]),
        ],
        **kwargs)


def test_masks():
    masks = BuildReferringMasks()(make_results())['gt_masks']
    assert masks.dtype == torch.bool
    np.testing.assert_array_equal(
        masks, [[0, 0, 1, 1], [0, 1, 1, 1], [0] * 4, [0] * 4])


def test_masks_do_not_take_the_background():
    """Label 0 means no object, not object -1 of an empty target list."""
    results = make_results()
    results['pts_instance_mask'][:] = 0
    assert not BuildReferringMasks()(results)['gt_masks'].any()


def test_color():
    results = NormalizeScanColor(mean=(1, 2, 3), scale=2)(make_results())
    points = results['points'].tensor
    raw = torch.arange(24.).reshape(4, 6)
    assert torch.equal(points[:, :3], raw[:, :3])
    expected = (raw[:, 3:] - torch.tensor([1., 2., 3.])) / 2
    torch.testing.assert_close(points[:, 3:], expected)


def test_color_does_not_warn(recwarn):
    NormalizeScanColor()(make_results())
    assert not recwarn.list


def test_color_jitter():
    results = make_results()
    raw = results['points'].tensor.clone()
    raw[:, 3:] = torch.tensor([100., 50., 250.])
    ratios = []
    for seed in range(20):
        np.random.seed(seed)
        results['points'].tensor = raw.clone()
        points = JitterScanColor(0.3, 0.1)(results)['points'].tensor
        assert torch.equal(points[:, :3], raw[:, :3])
        assert points[:, 3:].max() <= 255
        ratios.append((points / raw)[0, 3:5])
    ratios = torch.stack(ratios)
    assert 0.7 * 0.9 <= ratios.min() < 0.8 and 1.2 < ratios.max() <= 1.43
    balance = ratios[:, 0] / ratios[:, 1]
    assert 0.81 < balance.min() < 0.97 and 1.03 < balance.max() < 1.23


def test_color_jitter_bounds():
    with pytest.raises(ValueError, match='brightness'):
        JitterScanColor(brightness=1.0)


def test_pack():
    results = BuildReferringMasks()(make_results())
    packed = PackReferring3DInputs()(results)
    assert set(packed) == {'inputs', 'data_samples'}
    assert packed['inputs']['points'].shape == (4, 6)
    data_sample = packed['data_samples']
    assert isinstance(data_sample, Det3DDataSample)
    assert data_sample.scene_id == 's'
    assert [e['text'] for e in data_sample.expressions] == list('abcd')
    assert data_sample.gt_instances_3d.masks.shape == (4, 4)


def test_inference_needs_no_masks():
    results = make_results()
    del results['pts_instance_mask']
    packed = PackReferring3DInputs()(BuildReferringMasks()(results))
    assert 'masks' not in packed['data_samples'].gt_instances_3d
    assert packed['data_samples'].expressions[1]['text'] == 'b'


@pytest.mark.parametrize('name', [
    'BuildReferringMasks', 'JitterScanColor', 'NormalizeScanColor',
    'PackReferring3DInputs', 'ReferringAugment3D'
])
def test_registered_in_mmdet3d(name):
    transform = TRANSFORMS.build(dict(type=name))
    assert name in repr(transform)
