import numpy as np
import pytest
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures.points import DepthPoints

from mmlangseg.less.transforms import SampleScanPoints


def make_results(count):
    tensor = torch.arange(6. * count).reshape(count, 6)
    return dict(
        points=DepthPoints(tensor, points_dim=6),
        pts_instance_mask=np.arange(count))


@pytest.mark.parametrize('count', [1, 99, 100])
def test_small_scans_keep_every_point(count):
    transform = TRANSFORMS.build(dict(type='SampleScanPoints', num_points=100))
    results = transform(make_results(count))
    assert sorted(results['pts_instance_mask']) == list(range(count))
    assert len(results['points']) == count


def test_large_scans_lose_points_but_repeat_none():
    np.random.seed(0)
    results = SampleScanPoints(100)(make_results(101))
    chosen = results['pts_instance_mask']
    assert len(set(chosen)) == len(chosen) == len(results['points']) == 100
    rows = results['points'].tensor[:, 0].numpy() / 6
    np.testing.assert_array_equal(rows, chosen)
