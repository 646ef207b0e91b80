from __future__ import annotations

import pytest
import torch
from mmseg.registry import MODELS

import mmlangseg.semires  # noqa: F401  (registers the modules)


def build(**settings) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(
        dict(type='PWAM', channels=8, word_channels=6, **settings)).double()


def features(batch=2, positions=15, words=5):
    random = torch.Generator().manual_seed(1)
    x = torch.randn(batch, positions, 8, generator=random).double()
    text = torch.randn(batch, words, 6, generator=random).double()
    mask = torch.ones(batch, words, dtype=torch.bool)
    mask[1, 3:] = False
    return x, text, mask


def standardise(x):
    """Over the positions, the rows."""
    return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()


def plain(pwam, x, words, heads):
    """One sample, by the formulas, x (N, C), words (L, C_word)."""
    query = standardise(pwam.query(x))
    gathered = []
    for q, k, v in zip(
            query.chunk(heads, 1),
            pwam.key(words).chunk(heads, 1),
            pwam.value(words).chunk(heads, 1)):
        weights = torch.exp(q @ k.T / 8**0.5)  # by all channels
        gathered.append(weights / weights.sum(1, keepdim=True) @ v)
    language = standardise(pwam.language(torch.cat(gathered, 1)))
    return pwam.out(pwam.image(x) * language)


@pytest.mark.parametrize('heads', [1, 4])
def test_formulas(heads):
    pwam = build(num_heads=heads)
    x, words, mask = features()
    fused = pwam(x, words, mask)
    assert fused.shape == x.shape
    for i in range(2):
        torch.testing.assert_close(fused[i],
                                   plain(pwam, x[i], words[i][mask[i]], heads))


def test_padding_words_change_nothing():
    pwam = build()
    x, words, mask = features()
    other = words.clone()
    other[1, 3:] = 1e4
    assert torch.equal(pwam(x, words, mask), pwam(x, other, mask))
    other[1, 2] = 1e4
    assert not torch.equal(pwam(x, words, mask), pwam(x, other, mask))


def test_gradients_reach_image_and_real_words():
    pwam = build()
    x, words, mask = features()
    x.requires_grad_()
    words.requires_grad_()
    (pwam(x, words, mask) * torch.randn_like(x)).sum().backward()
    assert (x.grad.abs().sum(-1) > 0).all()
    assert torch.equal(words.grad.abs().sum(-1) > 0, mask)
    assert all(p.grad is not None for p in pwam.parameters())


def test_dropout_is_active_in_training_only():
    pwam = build(dropout=0.5)
    inputs = features()
    assert not torch.equal(pwam(*inputs), pwam(*inputs))
    pwam.eval()
    assert torch.equal(pwam(*inputs), pwam(*inputs))


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match='channels=8 .* num_heads=3'):
        build(num_heads=3)


def test_gate():
    gate = MODELS.build(dict(type='LanguageGate', channels=8)).double()
    gate.init_weights()
    fused = features()[0]
    first, second = gate.gate[0].weight, gate.gate[2].weight
    expected = torch.tanh((fused @ first.T).relu() @ second.T) * fused
    torch.testing.assert_close(gate(fused), expected)
    assert first.std() < 0.05  # as Swin's linear layers
