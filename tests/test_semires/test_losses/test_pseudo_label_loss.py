from __future__ import annotations
import math

import pytest
import torch
from mmseg.registry import MODELS

from mmlangseg.semires.losses import PWA, ConfidenceFilter, PseudoLabelLoss

WEIGHTS = {False: 0.9, True: 1.1}


@pytest.fixture
def batch():
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 4, 5) * 2
    return logits, torch.rand(3, 4, 5) < 0.4, torch.rand(3, 4, 5)


def naive(logits, label, matched, prob) -> float:
    """One sample, pixel by pixel."""
    total = 0.
    for y in range(label.shape[0]):
        for x in range(label.shape[1]):
            zero, one = logits[:, y, x].tolist()
            target, p = bool(label[y, x]), float(prob[y, x])
            loss = math.log(math.exp(zero) + math.exp(one)) - (
                one if target else zero)
            density = math.exp(-(p - 0.5)**2 / 0.2) / math.sqrt(
                2 * math.pi * 0.1)
            total += loss * (WEIGHTS[target] if matched else 1.3 - density)
    return total / label.numel()


@pytest.mark.parametrize('matched',
                         [[True, False, True], [True] * 3, [False] * 3])
def test_against_pixels(batch, matched):
    logits, labels, prob = batch
    each = [
        naive(*sample)
        for sample in zip(logits.double(), labels, matched, prob.double())
    ]
    groups = [[e for e, m in zip(each, matched) if m is kind]
              for kind in (True, False)]
    means = [sum(group) / len(group) for group in groups if group]
    flags = torch.tensor(matched)
    group = PseudoLabelLoss()(logits, labels, flags, prob)
    assert group.item() == pytest.approx(sum(means) / len(means), rel=1e-5)
    sample = PseudoLabelLoss(averaging='sample')(logits, labels, flags, prob)
    assert sample.item() == pytest.approx(sum(each) / 3, rel=1e-5)
    half = PseudoLabelLoss(loss_weight=0.5)(logits, labels.long(), flags, prob)
    assert half.item() == pytest.approx(group.item() / 2)


def test_plain_cross_entropy_without_pixel_weights(batch):
    logits, labels, prob = batch
    loss = PseudoLabelLoss(pixel_weight=None)
    value = loss(logits, labels, torch.zeros(3, dtype=torch.bool), prob)
    expected = torch.nn.functional.cross_entropy(logits, labels.long())
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)


def test_gradient_reaches_every_sample(batch):
    logits, labels, prob = batch
    logits.requires_grad_()
    PseudoLabelLoss()(logits, labels, torch.tensor([True, False, False]),
                      prob).backward()
    assert (logits.grad.abs().sum((1, 2, 3)) > 0).all()


def test_float32_under_autocast(batch):
    logits, labels, prob = batch
    loss, flags = PseudoLabelLoss(), torch.tensor([True, False, False])
    logits, prob = logits.bfloat16(), prob.bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(logits, labels, flags, prob)
    assert value.dtype == torch.float32
    assert value.item() == loss(logits.float(), labels, flags,
                                prob.float()).item()


def test_no_state_in_checkpoints():
    assert PseudoLabelLoss().state_dict() == {}


@pytest.mark.parametrize('settings, message', [
    (dict(averaging='batch'), 'averaging'),
    (dict(class_weight=[1., 1., 1.]), 'class_weight'),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        PseudoLabelLoss(**settings)


def test_pwa():
    prob = torch.tensor([[0., 0.1, 0.25], [0.4, 0.5, 1.]])
    weights = PWA()(prob)
    expected = [[0.9386, 0.7331, 0.3770], [0.1000, 0.0384, 0.9386]]
    torch.testing.assert_close(
        weights, torch.tensor(expected), atol=6e-5, rtol=0)
    assert PWA()(prob.bfloat16()).dtype == torch.float32
    narrow = MODELS.build(dict(type='PWA', mean=0.25, variance=0.01, offset=5))
    assert narrow(prob).argmin() == 2
    assert narrow(torch.tensor(0.9)).item() == pytest.approx(5, abs=1e-4)


def test_confidence_filter():
    prob = torch.tensor([0., 0.15, 0.5, 0.79, 0.95])
    keep = MODELS.build(dict(type='ConfidenceFilter', threshold=0.8))
    assert keep(prob).tolist() == [1, 1, 0, 0, 1]
    assert ConfidenceFilter()(prob).tolist() == [1, 0, 0, 0, 1]
