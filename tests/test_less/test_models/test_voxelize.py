from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS

import mmlangseg.less  # noqa: F401  (registers the preprocessor)
from mmlangseg.less.models.voxelize import voxelize


@pytest.fixture
def points() -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(500, 6, generator=random) * 3 - 1


def test_mean_of_every_voxel(points):
    scene = voxelize(points, 0.25)
    scaled = np.float32(4) * points[:, :3].numpy()
    expected = (scaled - scaled.min(0)).astype(int)
    members = {}
    for i, key in enumerate(map(tuple, expected.tolist())):
        members.setdefault(key, []).append(i)
    assert len(members) < len(points)  # some voxels hold several points
    assert [tuple(c) for c in scene.coordinates.tolist()] == sorted(members)
    assert scene.coordinates.dtype == torch.int32
    for row, key in enumerate(sorted(members)):
        assert scene.counts[row] == len(members[key])
        assert (scene.point_to_voxel[members[key]] == row).all()
        torch.testing.assert_close(scene.features[row],
                                   points[members[key]].mean(0))


def test_sum_points(points):
    scene = voxelize(points, 0.25)
    values = torch.rand(3, 500) < 0.4
    sums = scene.sum_points(values)
    assert sums.shape == (3, len(scene.counts))
    for row in range(len(scene.counts)):
        inside = values[:, scene.point_to_voxel == row].sum(1)
        assert torch.equal(sums[:, row], inside.float())


def test_one_point():
    scene = voxelize(torch.ones(1, 6), 0.02)
    assert scene.coordinates.tolist() == [[0, 0, 0]]
    assert scene.counts.tolist() == [1]


def test_preprocessor_checks_the_voxel_size(points):
    with pytest.raises(ValueError, match='voxel_size must be positive'):
        MODELS.build(dict(type='LESSDataPreprocessor', voxel_size=0))
    preprocessor = MODELS.build(
        dict(type='LESSDataPreprocessor', voxel_size=0.25))
    batch = preprocessor(dict(inputs=dict(points=[points, points[:7]])))
    assert [len(s.point_to_voxel)
            for s in batch['inputs']['scenes']] == [500, 7]
    assert batch['data_samples'] is None
