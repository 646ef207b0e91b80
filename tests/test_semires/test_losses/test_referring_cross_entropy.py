from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

import mmlangseg.semires  # noqa: F401  (registers the losses)


def build(**settings):
    return MODELS.build(dict(type='ReferringCrossEntropy', **settings))


def pixels(batch=3):
    random = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(batch, 2, 6, 5, generator=random).double()
    return logits, torch.randint(2, (batch, 6, 5), generator=random)


WEIGHT = torch.tensor([0.9, 1.1], dtype=torch.float64)


def test_weighted_mean_is_that_of_pytorch():
    logits, targets = pixels()
    torch.testing.assert_close(build()(logits, targets),
                               F.cross_entropy(logits, targets, WEIGHT))
    targets[0, :3] = 255
    torch.testing.assert_close(
        build()(logits, targets),
        F.cross_entropy(logits, targets, WEIGHT, ignore_index=255))


def test_pixel_mean():
    logits, targets = pixels()
    each = F.cross_entropy(logits, targets, WEIGHT, reduction='none')
    loss = build(reduction='pixel_mean')
    torch.testing.assert_close(loss(logits, targets), each.mean())
    targets[0, :3] = 255
    torch.testing.assert_close(
        loss(logits, targets), (each.sum() - each[0, :3].sum()) / 75)


def test_pixel_weights():
    logits, targets = pixels()
    weights = torch.rand(3, 6, 5, dtype=torch.float64)
    each = F.cross_entropy(logits, targets, reduction='none')
    loss = build(class_weight=None, reduction='pixel_mean', loss_weight=2.)
    torch.testing.assert_close(
        loss(logits, targets, weights), 2 * (each * weights).mean())


@pytest.mark.parametrize('reduction', ['weighted_mean', 'pixel_mean'])
def test_no_pixels(reduction):
    loss = build(reduction=reduction)
    logits, targets = pixels(0)
    assert loss(logits, targets) == 0
    logits, targets = pixels()
    logits.requires_grad_()
    value = loss(logits, torch.full_like(targets, 255))
    value.backward()
    assert value == 0 and (logits.grad == 0).all()


def test_half_precision_input():
    logits, targets = pixels()
    half = logits.half()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = build()(half, targets)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, build()(half.float(), targets))


def test_unknown_reduction():
    with pytest.raises(ValueError, match="'pixel_mean', got 'mean'"):
        build(reduction='mean')
