from __future__ import annotations

import pytest
import torch
from lavt_model import SWIN
from mmseg.registry import MODELS

import mmlangseg.semires  # noqa: F401  (registers the modules)


def build(**settings) -> torch.nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(
        dict(type='MultiModalSwin', word_channels=6, **{
            **SWIN,
            **settings
        }))
    model.init_weights()
    return model.eval()


def text(batch=2, words=4, seed=0):
    random = torch.Generator().manual_seed(seed)
    mask = torch.ones(batch, words, dtype=torch.bool)
    return torch.randn(batch, words, 6, generator=random), mask


def images(height, width):
    random = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, height, width, generator=random)


@pytest.mark.parametrize('window', [7, 12])
@pytest.mark.parametrize('height, width', [(64, 64), (45, 70), (33, 20)])
def test_any_size_of_image_and_window(window, height, width):
    outputs = build(window_size=window)(images(height, width), *text())
    for i, out in enumerate(outputs):
        stride = 4 * 2**i
        assert out.shape == (2, 8 * 2**i, -(-height // stride),
                             -(-width // stride))
        assert torch.isfinite(out).all()


def test_published_size():
    """Swin-T, and what the fusion adds to it."""
    model = MODELS.build(
        dict(type='MultiModalSwin', word_channels=768, embed_dims=96))
    count = {True: 0, False: 0}
    for name, parameter in model.named_parameters():
        added = name.startswith(('fusions.', 'gates.', 'norm'))
        count[added] += parameter.numel()
    assert count[False] / 1e6 == pytest.approx(27.52, abs=0.01)
    channels = [96, 192, 384, 768]
    assert count[True] == sum(4 * c * (c + 1) + 2 * c * 769 + 2 * c
                              for c in channels) + sum(2 * c * c
                                                       for c in channels[:-1])


def test_stage_outputs_are_normalized_fused_features():
    model = build()
    fused = []
    model.fusions[1].register_forward_hook(
        lambda module, inputs, output: fused.append(output))
    out = model(images(64, 64), *text())[1]
    expected = model.norm1(fused[0]).transpose(1, 2).reshape(out.shape)
    assert torch.equal(out, expected)


def test_the_gate_feeds_the_next_stage():
    model = build()
    inputs = images(64, 64), *text()
    before = model(*inputs)
    with torch.no_grad():
        model.gates[1].gate[2].weight.zero_()  # closed
    after = model(*inputs)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])
    assert not torch.allclose(before[2], after[2])
    open_gate = build(gate=None)
    open_gate.load_state_dict(model.state_dict(), strict=False)
    assert not torch.allclose(open_gate(*inputs)[2], after[2])


def test_words_reach_every_stage_and_all_weights_learn():
    model = build().train()
    words, mask = text()
    words.requires_grad_()
    for out in model(images(64, 64), words, mask):
        (grad, ) = torch.autograd.grad(
            (out * torch.randn_like(out)).sum(), words, retain_graph=True)
        assert grad.abs().sum() > 0
    outputs = model(images(64, 64), words, mask)
    sum((out * torch.randn_like(out)).sum() for out in outputs).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_too_small_images():
    model = build()
    with pytest.raises(ValueError, match='images of 32 x 20 pixels are too'):
        model(images(32, 20), *text())
    model(images(33, 20), *text())


def test_train_returns_the_model():
    model = build(frozen_stages=1)
    assert model.train() is model and model.training
    assert not model.stages[0].training
    assert model.eval() is model


def test_checkpointing_changes_nothing():
    inputs = images(64, 64), *text()
    expected, ours = (
        build(with_cp=with_cp).train()(*inputs) for with_cp in (False, True))
    for a, b in zip(expected, ours):
        torch.testing.assert_close(a, b)


def test_initial_weights():
    model = build()
    attention = model.stages[0].blocks[0].attn.w_msa
    assert attention.relative_position_bias_table.std() < 0.05
    assert 0 < attention.qkv.weight.std() < 0.05
    # PyTorch's own for the fusion
    assert model.fusions[0].query.weight.std() > 0.1


@pytest.mark.parametrize('settings, error, message', [
    (dict(fusion_heads=(1, 1)), ValueError, 'each of the 4 stages'),
    (dict(init_cfg=dict(type='Kaiming')), ValueError, 'init_cfg must be'),
    (dict(embed_dim=96), TypeError, 'embed_dim'),
])
def test_bad_arguments(settings, error, message):
    with pytest.raises(error, match=message):
        build(**settings)
