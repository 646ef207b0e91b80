from __future__ import annotations

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

import mmlangseg.sseg  # noqa: F401  (registers the losses)


def build(**settings):
    return MODELS.build(
        dict(type='mmseg.MultiLabelContrastiveLoss', **settings))


def features(prompts=3):
    random = torch.Generator().manual_seed(0)
    images = torch.randn(4, 5, generator=random)
    texts = torch.randn(4, prompts, 5, generator=random)
    return images.requires_grad_(), texts.requires_grad_()


def naive(images, prompts, scale):
    """Soft targets written out."""
    images, prompts = F.normalize(images, dim=-1), F.normalize(prompts, dim=-1)
    number = prompts.shape[1]
    logits = scale * images @ prompts.flatten(0, 1).T  # (4, 4 * number)
    target = torch.eye(4).repeat_interleave(number, 1)
    to_text = -(target / number * logits.log_softmax(1)).sum(1).mean()
    to_image = -(target.T * logits.T.log_softmax(1)).sum(1).mean()
    return to_text + to_image


@pytest.mark.parametrize('prompts', [1, 3])
@pytest.mark.parametrize('directions, factor', [('sum', 1.), ('mean', 0.5)])
def test_equals_soft_cross_entropy(prompts, directions, factor):
    images, texts = features(prompts)
    loss = build(directions=directions)
    got = loss(images, texts)
    expected = factor * naive(images, texts, loss.scale.detach())
    torch.testing.assert_close(got, expected)
    for x, y in zip(
            torch.autograd.grad(got, [images, texts]),
            torch.autograd.grad(expected, [images, texts])):
        torch.testing.assert_close(x, y)


def test_one_prompt_is_the_contrastive_loss():
    images, texts = features(prompts=1)
    contrastive = MODELS.build(dict(type='mmseg.ImageTextContrastiveLoss'))
    torch.testing.assert_close(build()(images, texts),
                               contrastive(images, texts[:, 0]))


def test_own_temperature():
    loss = build(temperature=0.1)
    torch.testing.assert_close(loss.scale, torch.tensor(10.))
    assert [name for name, _ in loss.named_parameters()] == ['logit_scale']


@pytest.mark.parametrize('shape', [(4, 5), (3, 3, 5), (4, 0, 5), (4, 3, 6)])
def test_clear_error(shape):
    images, _ = features()
    with pytest.raises(ValueError, match=r'prompts \(b, M, C\)'):
        build()(images, torch.ones(shape))
