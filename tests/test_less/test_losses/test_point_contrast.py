from __future__ import annotations

import pytest
import torch

from mmlangseg.cpu import pairwise
from mmlangseg.cpu.chunks import pairs_at_once
from mmlangseg.less.losses import PointContrast

REDUCTIONS = ('log_mean', 'mean_log', 'mean')


def naive(features, mask, temperature, reduction):
    """Eq. 9 for one expression: features (N, C) and mask (N,)."""
    f = features / features.norm(dim=1, keepdim=True)
    positive, negative = f[mask], f[~mask]
    prototype = positive.mean(0)
    a = (positive @ prototype / temperature).exp()
    b = (positive @ negative.t() / temperature).exp().sum(1)
    s = a / (a + b)
    return {
        'log_mean': -s.mean().log(),
        'mean_log': -s.log().mean(),
        'mean': -s.mean()
    }[reduction]


@pytest.fixture
def data():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(3, 60, 8, dtype=torch.float64, generator=random)
    return features, torch.rand(3, 60, generator=random) < 0.3


def evaluate(loss, features, mask):
    features = features.clone().requires_grad_()
    value = loss([], [features], [mask.double()], [(~mask).double()])
    value.backward()
    return value.detach(), features.grad


@pytest.mark.parametrize('reduction', REDUCTIONS)
@pytest.mark.parametrize('temperature', [0.05, 1.])
def test_equals_the_formula(data, reduction, temperature):
    features, mask = data
    loss = PointContrast(temperature, reduction, loss_weight=2.)
    value, gradient = evaluate(loss, features, mask)
    x = features.clone().requires_grad_()
    expected = 2 * torch.stack(
        [naive(f, m, temperature, reduction) for f, m in zip(x, mask)]).mean()
    expected.backward()
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(gradient, x.grad)


@pytest.mark.parametrize('chunk', [1, 100, 333, 10**6])
def test_chunks_change_nothing(data, chunk, monkeypatch):
    whole = evaluate(PointContrast(), *data)
    monkeypatch.setattr(pairwise, 'pairs_at_once', lambda _: chunk)
    parts = evaluate(PointContrast(), *data)
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize('device, pairs', [('cpu', 2**20), ('cuda', 2**26)])
def test_chunks_by_device(data, device, pairs, monkeypatch):
    assert pairs_at_once(torch.device(device)) == pairs
    whole, sides = evaluate(PointContrast(), *data), []

    def record(rows, columns, side):
        sides.append(side)
        return _squares(rows, columns, side)

    _squares = pairwise._squares
    monkeypatch.setattr(pairwise, 'pairs_at_once', lambda _: pairs)
    monkeypatch.setattr(pairwise, '_squares', record)
    torch.testing.assert_close(evaluate(PointContrast(), *data), whole)
    assert set(sides) == {int(pairs**0.5)}


@pytest.mark.parametrize('reduction', REDUCTIONS)
def test_voxels_equal_points(data, reduction):
    features, _ = data
    random = torch.Generator().manual_seed(1)
    counts = torch.randint(1, 5, (60, ), generator=random)
    inside = (torch.rand(3, 60, generator=random) * 2 - 1).clamp(
        min=0)  # half of the voxels hold no point of the target
    positive = (inside * (counts + 1)).floor()
    assert ((positive > 0) & (positive < counts)).any()  # some are mixed
    voxels = features.clone().requires_grad_()
    loss = PointContrast(reduction=reduction)
    a = loss([], [voxels], [positive], [counts - positive])
    points = features.clone().requires_grad_()
    mask = torch.stack([
        torch.cat([torch.arange(int(c)) < p for c, p in zip(counts, row)])
        for row in positive
    ])
    b = loss([], [points.repeat_interleave(counts, 1)], [mask.float()],
             [(~mask).float()])
    torch.testing.assert_close(a, b)
    a.backward()
    b.backward()
    torch.testing.assert_close(voxels.grad, points.grad)


def test_expressions_without_target_or_rest_do_not_count(data):
    features, mask = data
    expected = PointContrast()([], [features[:1]], [mask[:1].double()],
                               [(~mask[:1]).double()])
    mask = mask.clone()
    mask[1], mask[2] = False, True
    value, gradient = evaluate(PointContrast(), features, mask)
    torch.testing.assert_close(value, expected)
    assert gradient[0].abs().max() > 0 and not gradient[1:].any()


def test_nothing_but_empty_masks(data):
    features, mask = data
    value, gradient = evaluate(PointContrast(), features,
                               torch.zeros_like(mask))
    assert value == 0 and not gradient.any()


def test_empty_masks_of_large_features_in_half_precision():
    """Whose sum would be infinite, and zero times that not a number."""
    features = torch.full((1, 50, 4), 6e4, dtype=torch.half)
    features.requires_grad_()
    empty = torch.zeros(1, 50)
    value = PointContrast()([], [features], [empty], [empty + 1])
    value.backward()
    assert value == 0 and value.dtype == torch.float32
    assert not features.grad.any()


def test_scenes_are_averaged_over_expressions(data):
    features, mask = data
    loss = PointContrast()
    pos, neg = mask.double(), (~mask).double()
    together = loss([], [features[:2], features[2:]], [pos[:2], pos[2:]],
                    [neg[:2], neg[2:]])
    torch.testing.assert_close(together, loss([], [features], [pos], [neg]))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_under_autocast(data, dtype):
    features, mask = data
    half = features.to(dtype).requires_grad_()
    with torch.autocast('cpu', dtype):
        value = PointContrast()([], [half], [mask.float()], [(~mask).float()])
    value.backward()
    expected, _ = evaluate(PointContrast(), half.detach().double(), mask)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert half.grad.isfinite().all()


def test_equal_features_and_zero_features_are_finite():
    features = torch.zeros(1, 10, 4)
    mask = torch.arange(10).unsqueeze(0) < 3
    value, gradient = evaluate(PointContrast(), features, mask)
    assert value.isfinite() and gradient.isfinite().all()


def test_unknown_reduction():
    with pytest.raises(ValueError, match='log_mean.*sum'):
        PointContrast(reduction='sum')


def test_whole_squares_go_to_onednn():
    """The others would each have a kernel of their own made."""
    squares = list(pairwise._squares(5, 7, 3))
    seen = torch.zeros(5, 7)
    for rows, columns, product in squares:
        part = seen[rows, columns]
        part += 1
        assert (product is pairwise.onednn_linear) == (part.shape == (3, 3))
    assert (seen == 1).all() and len(squares) == 6


def test_defaults_are_those_of_the_paper(data):
    expected = torch.stack(
        [naive(f, m, 0.05, 'log_mean') for f, m in zip(*data)])
    torch.testing.assert_close(
        evaluate(PointContrast(), *data)[0], 0.05 * expected.mean())
