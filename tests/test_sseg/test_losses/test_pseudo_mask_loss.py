from __future__ import annotations

import pytest
import torch
from mmseg.registry import MODELS
from scipy.optimize import linear_sum_assignment
from torch.nn import functional as F

import mmlangseg.sseg  # noqa: F401  (registers the loss)

LAYERS, QUERIES = 3, 6
MAPS = ('plain', 'gaps', 'one cluster', 'nothing', 'more than queries')


def build(**settings):
    return MODELS.build(dict(type='mmseg.PseudoMaskLoss', **settings))


def label_map(kind, random):
    labels = torch.randint(4, (16, 12), generator=random)
    if kind == 'gaps':
        labels[labels == 1] = 255
    elif kind == 'one cluster':
        labels[:] = 2
    elif kind == 'nothing':
        labels[:] = 255
    elif kind == 'more than queries':
        labels = torch.randint(9, (16, 12), generator=random)
    return labels


def case(kinds=MAPS):
    """Logits at stride 4 and label maps."""
    random = torch.Generator().manual_seed(1)
    logits = [(2 * torch.randn(len(kinds), QUERIES, 4, 3,
                               generator=random)).requires_grad_()
              for _ in range(LAYERS)]
    return logits, torch.stack([label_map(kind, random) for kind in kinds])


def naive_pair(logits, target):
    """Dice and focal loss of one mask and one 0-1 target."""
    prob = logits.sigmoid()
    dice = 1 - (2 * (prob * target).sum() + 1) / (
        prob.sum() + target.sum() + 1)
    right = torch.where(target == 1, prob, 1 - prob)
    weight = torch.where(target == 1, 0.25, 0.75)
    entropy = F.binary_cross_entropy_with_logits(
        logits, target, reduction='none')
    return dice, (weight * (1 - right)**2 * entropy).mean()


def naive(layers, label_maps, upsample, per_image):
    """One mask after the other; also which ones are matched."""
    losses, matched = [], []
    for layer, logits in enumerate(layers):
        images = []
        for image, (masks, labels) in enumerate(zip(logits, label_maps)):
            small = labels[2::4, 2::4]  # middle of the cells
            numbers = (labels if upsample else small).unique()
            numbers = numbers[numbers != 255]
            cost = [[
                naive_pair(mask.detach(), (small == k).float())
                for k in numbers
            ] for mask in masks]
            cost = torch.tensor([[dice + 20 * focal for dice, focal in row]
                                 for row in cost]).reshape(QUERIES, -1)
            pairs = []
            for query, column in zip(*linear_sum_assignment(cost)):
                mask, target = masks[query], small
                if upsample:
                    target = labels
                    mask = F.interpolate(
                        mask[None, None], labels.shape, mode='bilinear')[0, 0]
                pairs.append(
                    torch.stack(
                        naive_pair(mask, (target == numbers[column]).float())))
                matched.append((layer, image, query))
            if pairs:
                images.append(torch.stack(pairs))
        if per_image:
            total = torch.stack([pairs.mean(0) for pairs in images]).mean(0)
        else:
            total = torch.cat(images).mean(0)
        losses.append(total)
    return torch.stack(losses), matched


@pytest.mark.parametrize('at_once', [1, 50, 10**6])
@pytest.mark.parametrize('normalization', ['num_masks', 'per_image'])
@pytest.mark.parametrize('upsample', [False, True])
def test_equals_naive_loops(upsample, normalization, at_once, monkeypatch):
    monkeypatch.setattr('mmlangseg.cpu.chunks._CPU_PIXELS', at_once)
    logits, label_maps = case()
    expected, matched = naive(logits, label_maps, upsample,
                              normalization == 'per_image')
    weights = torch.tensor([1., 20.])
    expected_grads = torch.autograd.grad((expected * weights).sum(), logits)

    losses = build(
        upsample=upsample, normalization=normalization)(logits, label_maps)
    assert list(losses) == [
        'd0.loss_dice', 'd0.loss_focal', 'd1.loss_dice', 'd1.loss_focal',
        'loss_dice', 'loss_focal'
    ]
    got = torch.stack(list(losses.values())).view(LAYERS, 2)
    torch.testing.assert_close(got, expected * weights)
    grads = torch.autograd.grad(sum(losses.values()), logits)
    for grad, expected_grad in zip(grads, expected_grads):
        torch.testing.assert_close(grad, expected_grad, atol=1e-6, rtol=1e-4)

    # exactly zero, but for the matched masks
    used = torch.zeros(LAYERS, len(MAPS), QUERIES, dtype=torch.bool)
    used[tuple(zip(*matched))] = True
    assert (used.sum(-1)[:, 2:] == torch.tensor([1, 0, QUERIES])).all()
    assert torch.equal(torch.stack(grads).ne(0).any(-1).any(-1), used)


def test_each_loss_has_its_own_gradient():
    logits, label_maps = case()
    expected, _ = naive(logits, label_maps, False, False)
    losses = build(dice_weight=1., focal_weight=20.)(logits, label_maps)
    for name, value in (('loss_dice', expected[-1, 0]),
                        ('loss_focal', 20 * expected[-1, 1])):
        got, = torch.autograd.grad(losses[name], logits[-1], retain_graph=True)
        want, = torch.autograd.grad(value, logits[-1], retain_graph=True)
        torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-4)


def test_weights():
    logits, label_maps = case()
    one = build(dice_weight=1., focal_weight=20.)(logits, label_maps)
    two = build(dice_weight=0.5, focal_weight=10.)(logits, label_maps)
    for name in one:  # the same matching, half of the loss
        torch.testing.assert_close(two[name], one[name] / 2)


def test_without_deep_supervision():
    logits, label_maps = case()
    losses = build(deep_supervision=False)(logits, label_maps)
    assert list(losses) == ['loss_dice', 'loss_focal']
    full = build()(logits, label_maps)
    assert all(torch.equal(full[name], losses[name]) for name in losses)
    sum(losses.values()).backward()
    assert [x.grad is not None for x in logits] == [False, False, True]


@pytest.mark.parametrize('normalization', ['num_masks', 'per_image'])
def test_no_cluster_at_all(normalization):
    """Zero, and a gradient: processes must not wait for each other."""
    logits, label_maps = case(('nothing', 'nothing'))
    losses = build(normalization=normalization)(logits, label_maps)
    assert all(value == 0 for value in losses.values())
    sum(losses.values()).backward()
    assert all((x.grad == 0).all() for x in logits)


def test_perfect_and_confident_masks():
    """Logits of any size give finite losses and gradients."""
    _, label_maps = case(('plain', 'gaps'))
    small = label_maps[:, 2::4, 2::4]
    target = torch.stack([small == k for k in range(QUERIES)], 1)
    for size, right in ((1000., True), (1000., False), (1e30, False)):
        logits = (target.float() * 2 - 1) * (size if right else -size)
        logits = logits.requires_grad_()
        losses = build()([logits], label_maps)
        sum(losses.values()).backward()
        assert logits.grad.isfinite().all()
        if right:
            assert sum(losses.values()) == 0
        else:
            assert losses['loss_focal'].isfinite()
            assert losses['loss_focal'] > 20 * 0.25 * 80


@pytest.mark.parametrize('upsample', [False, True])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision(dtype, upsample):
    logits, label_maps = case()
    half = [x.detach().to(dtype).requires_grad_() for x in logits]
    full = [x.detach().float().requires_grad_() for x in half]
    loss = build(upsample=upsample)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = loss(half, label_maps)
    expected = loss(full, label_maps)
    for name in expected:
        assert got[name].dtype == torch.float32
        assert torch.equal(got[name], expected[name])
    sum(got.values()).backward()
    sum(expected.values()).backward()
    for x, y in zip(half, full):
        assert x.grad.dtype == dtype
        torch.testing.assert_close(x.grad, y.grad.to(dtype))


def test_without_gradient():
    logits, label_maps = case()
    expected = build()(logits, label_maps)
    with torch.no_grad():
        got = build()(logits, label_maps)
    assert all(torch.equal(got[name], expected[name]) for name in expected)


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int32, torch.int64])
def test_label_types_and_sizes(dtype):
    """Sides that are no multiples of the stride: the nearest to the center."""
    logits, _ = case(('plain', ))
    random = torch.Generator().manual_seed(3)
    labels = torch.randint(4, (1, 17, 10), generator=random)
    sampled = F.interpolate(
        labels[None].float(), (4, 3), mode='nearest-exact')[0].long()
    expected = build()(logits, sampled)
    got = build()(logits, labels.to(dtype))
    assert all(torch.equal(got[name], expected[name]) for name in expected)


@pytest.mark.parametrize('value', [256, 1000, -1])
def test_wrong_labels(value):
    logits, label_maps = case()
    label_maps[1, 6, 6] = value
    with pytest.raises(ValueError, match='0..254 nor 255'):
        build()(logits, label_maps)


def test_unknown_normalization():
    with pytest.raises(ValueError, match="'per_image', got 'mean'"):
        build(normalization='mean')


def test_nothing_of_full_size_is_kept_for_backward():
    """No one-hot masks, no enlarged masks."""
    kept = []
    logits, label_maps = case()
    with torch.autograd.graph.saved_tensors_hooks(
            lambda x: kept.append(x.numel()) or x, lambda x: x):
        build(upsample=True)(logits, label_maps)
    assert max(kept) <= 2 * 14 * 12  # two gradients of 14 masks of 4 x 3
