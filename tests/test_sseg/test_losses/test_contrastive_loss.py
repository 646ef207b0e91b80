from __future__ import annotations
import math

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

import mmlangseg.sseg  # noqa: F401  (registers the loss)


def build(**settings):
    return MODELS.build(
        dict(type='mmseg.ImageTextContrastiveLoss', **settings))


def features(pairs=5, channels=4):
    random = torch.Generator().manual_seed(0)
    return [
        torch.randn(pairs, channels, generator=random).requires_grad_()
        for _ in range(2)
    ]


def naive(images, texts, scale):
    """Both directions, one pair after the other."""
    directions = []
    for a, b in ((images, texts), (texts, images)):
        losses = []
        for i in range(len(a)):
            similar = torch.stack([
                F.cosine_similarity(a[i], b[j], dim=0) for j in range(len(b))
            ]) * scale
            losses.append(similar.exp().sum().log() - similar[i])
        directions.append(sum(losses) / len(losses))
    return directions


@pytest.mark.parametrize('directions, factor', [('sum', 1.), ('mean', 0.5)])
def test_equals_naive_loops(directions, factor):
    images, texts = features()
    loss = build(directions=directions, temperature=0.5, loss_weight=3.)
    got = loss(images, texts)
    scale = loss.logit_scale.detach().exp().requires_grad_()
    expected = 3 * factor * sum(naive(images, texts, scale))
    torch.testing.assert_close(got, expected)
    wanted = torch.autograd.grad(expected, [images, texts, scale])
    found = torch.autograd.grad(got, [images, texts, loss.logit_scale])
    for x, y in zip(found[:2], wanted[:2]):
        torch.testing.assert_close(x, y)
    torch.testing.assert_close(found[2], wanted[2] * scale)


def test_temperature():
    loss = build()
    torch.testing.assert_close(loss.scale, torch.tensor(1 / 0.07))
    with pytest.raises(ValueError, match='temperature=0.001.*0.01'):
        build(temperature=0.001)


def test_scale_is_bounded_and_comes_back():
    """At the bound its gradient is still there."""
    loss = build(max_scale=20.)
    with torch.no_grad():
        loss.logit_scale.fill_(7.)
    assert loss.scale.item() == pytest.approx(20.)
    assert loss.logit_scale.item() == pytest.approx(math.log(20.))
    # nothing is similar to its own: a smaller scale is better
    images = torch.eye(4)
    loss(images, images.roll(1, 0)).backward()
    assert loss.logit_scale.grad > 0


def test_length_does_not_count():
    images, texts = features()
    loss = build()
    torch.testing.assert_close(
        loss(images * 100, texts * 0.01), loss(images, texts))


def test_half_precision():
    images, texts = (x.detach().bfloat16() for x in features())
    loss = build()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = loss(images, texts)
    assert got.dtype == torch.float32
    assert torch.equal(got, loss(images.float(), texts.float()))
    assert loss.logit_scale.dtype == torch.float32


def test_one_pair_and_none():
    images, texts = features(pairs=1)
    assert build()(images, texts) == 0
    images, texts = features(pairs=0)
    value = build()(images, texts)
    value.backward()
    assert value == 0


def test_clear_errors():
    images, texts = features()
    with pytest.raises(ValueError, match=r'\(5, 4\) and \(4, 4\)'):
        build()(images, texts[:4])
    with pytest.raises(ValueError, match="'mean', got 'both'"):
        build(directions='both')
