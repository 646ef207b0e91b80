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


def test_targets_keep_a_point():
    """Else their sentences would be taught to mean nothing."""
    labels = np.zeros(1000, int)
    labels[[3, 500]], labels[700:703], labels[990:] = 8, 9, 4
    for seed in range(20):
        results = make_results(1000)
        results['pts_instance_mask'] = labels
        results['pts_semantic_mask'] = np.arange(1000)
        results['expressions'] = [
            dict(object_ids=[]),
            dict(object_ids=[7, 8]),
            dict(object_ids=[7])
        ]
        np.random.seed(seed)
        results = SampleScanPoints(10)(results)
        chosen = results['pts_semantic_mask']
        assert len(set(chosen)) == 10
        assert {8, 9} <= set(results['pts_instance_mask'])
        np.testing.assert_array_equal(results['pts_instance_mask'],
                                      labels[chosen])
        rows = results['points'].tensor[:, 0].numpy() / 6
        np.testing.assert_array_equal(rows, chosen)


def test_others_are_chosen_as_before():
    """By the same random numbers as without sentences."""
    plain, referred = make_results(1000), make_results(1000)
    referred['pts_instance_mask'] = np.arange(1000) % 3
    referred['expressions'] = [dict(object_ids=[0, 1])]
    for results in (plain, referred):
        np.random.seed(0)
        SampleScanPoints(100)(results)
    assert (plain['points'].tensor == referred['points'].tensor).all()
