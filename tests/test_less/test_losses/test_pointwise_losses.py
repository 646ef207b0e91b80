from __future__ import annotations

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlangseg.less.losses import AreaRegularization, WeightedBCE

COUNTS = torch.tensor([1, 3, 2, 4, 1])
# Points of the target in every voxel, two expressions.
POSITIVE = torch.tensor([[0., 3., 1., 0., 1.], [1., 0., 0., 2., 0.]])


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.tensor([[-1., 2., .5, 3., -4.], [0., 1., -2., .3, 5.]])


def to_points(logits):
    """Logits and targets of the single points, each (E, N)."""
    targets = torch.stack([
        torch.cat([(torch.arange(int(c)) < p).float()
                   for c, p in zip(COUNTS, row)]) for row in POSITIVE
    ])
    return logits.repeat_interleave(COUNTS, 1), targets


def test_bce_of_voxels_equals_bce_of_points(logits):
    z, y = to_points(logits)
    expected = binary_cross_entropy_with_logits(
        z, y, pos_weight=torch.tensor(7.))
    loss = WeightedBCE(positive_weight=7., loss_weight=3.)
    got = loss([logits], [], [POSITIVE], [COUNTS - POSITIVE])
    torch.testing.assert_close(got, 3 * expected)
    same = loss([z], [], [y], [1 - y])
    torch.testing.assert_close(same, 3 * expected)


def test_area_of_voxels_equals_area_of_points(logits):
    z, y = to_points(logits)
    got = AreaRegularization(loss_weight=10.)([logits], [], [POSITIVE],
                                              [COUNTS - POSITIVE])
    torch.testing.assert_close(got, 10 * z.sigmoid().mean())


@pytest.mark.parametrize('loss', [WeightedBCE(), AreaRegularization()])
def test_mean_over_expressions_of_all_scenes(loss, logits):
    """Every expression counts alike, however large its scene is."""
    small = logits[:1, :2]
    together = loss([logits, small], [], [POSITIVE, POSITIVE[:1, :2]],
                    [COUNTS - POSITIVE, COUNTS[:2] - POSITIVE[:1, :2]])
    first = loss([logits], [], [POSITIVE], [COUNTS - POSITIVE])
    second = loss([small], [], [POSITIVE[:1, :2]],
                  [COUNTS[:2] - POSITIVE[:1, :2]])
    torch.testing.assert_close(together, (2 * first + second) / 3)


@pytest.mark.parametrize('loss', [WeightedBCE(), AreaRegularization()])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_large_half_precision_logits(loss, dtype):
    logits = torch.tensor([[6e4, -6e4, 0.]], dtype=dtype, requires_grad=True)
    positive = torch.tensor([[0., 1., 1.]])
    value = loss([logits], [], [positive], [1 - positive])
    value.backward()
    assert value.dtype == torch.float32 and value.isfinite()
    assert logits.grad.isfinite().all()
    expected = loss([logits.detach().double()], [], [positive], [1 - positive])
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
