from __future__ import annotations

import pytest
import torch
from mmdet.models.layers import SinePositionalEncoding
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch.nn import functional as F

import mmlangseg.sseg  # noqa: F401  (registers the head)

SIZES = ((8, 12), (4, 6), (2, 3))
IN_CHANNELS = (4, 8, 16)


@pytest.fixture(autouse=True, scope='module')
def default_scope():
    init_default_scope('mmseg')
    MMLogger.get_current_instance().setLevel('WARNING')


def build(**settings):
    torch.manual_seed(0)
    cfg = dict(
        type='SSegHead',
        in_channels=IN_CHANNELS,
        feat_channels=8,
        out_channels=6,
        num_queries=5,
        num_layers=3,
        num_heads=2,
        feedforward_channels=16,
        pixel_decoder=dict(
            type='mmdet.PixelDecoder', norm_cfg=dict(type='GN', num_groups=2)))
    head = MODELS.build({**cfg, **settings})
    head.init_weights()
    return head


def features(batch=2):
    random = torch.Generator().manual_seed(0)
    return [
        torch.randn(batch, channels, *size, generator=random)
        for channels, size in zip(IN_CHANNELS, SIZES)
    ]


def test_shapes_and_gradients():
    head = build()
    predictions = head(features())
    assert [x.shape for x in predictions.mask_logits] == [(2, 5, 8, 12)] * 3
    assert predictions.query_features.shape == (2, 5, 8)
    loss = sum(x.square().sum() for x in predictions.mask_logits)
    loss.backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name


def test_only_the_last_layer():
    head = build().eval()
    every = head(features())
    last = head(features(), all_layers=False)
    assert len(last.mask_logits) == 1
    torch.testing.assert_close(last.mask_logits[0], every.mask_logits[-1])
    torch.testing.assert_close(last.query_features, every.query_features)
    for earlier in every.mask_logits[:-1]:
        assert not torch.allclose(earlier, every.mask_logits[-1])


def attend(layer, query, key, value):
    """Multi-head attention with two heads, step by step."""
    weight, bias = layer.attn.in_proj_weight, layer.attn.in_proj_bias
    q, k, v = (F.linear(x, w, b).unflatten(-1, (2, -1)).transpose(1, 2)
               for x, w, b in zip((query, key,
                                   value), weight.chunk(3), bias.chunk(3)))
    scores = q @ k.transpose(-1, -2) / q.shape[-1]**0.5
    out = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return layer.attn.out_proj(out)


def test_maskformer_step_by_step():
    """Post-norm decoder layers, positions at every attention, and masks as
    products of embeddings and pixel features."""
    head, feats = build().eval(), features()
    # FPN from the deepest level on
    decoder = head.pixel_decoder
    y = decoder.last_feat_conv(feats[-1])
    for level in (1, 0):
        lateral = decoder.lateral_convs[level](feats[level])
        y = lateral + F.interpolate(y, lateral.shape[-2:], mode='nearest')
        y = decoder.output_convs[level](y)
    pixels = decoder.mask_feature(y)

    memory = head.decoder_input_proj(feats[-1]).flatten(2).transpose(1, 2)
    positions = SinePositionalEncoding(
        4, normalize=True)(
            torch.zeros(2, *SIZES[-1], dtype=torch.bool))
    positions = positions.flatten(2).transpose(1, 2)
    where = head.query_embed.weight.expand(2, -1, -1)
    query = torch.zeros_like(where)
    predictions = head(feats)
    for layer, logits in zip(head.transformer_decoder.layers,
                             predictions.mask_logits):
        first, second, third = layer.norms
        query = first(query + attend(layer.self_attn, query + where, query +
                                     where, query))
        query = second(query + attend(layer.cross_attn, query + where, memory +
                                      positions, memory))
        query = layer.norms[2](layer.ffn(query))
        out = head.transformer_decoder.post_norm(query)
        masks = torch.einsum('bnc,bchw->bnhw', head.mask_embed(out), pixels)
        torch.testing.assert_close(logits, masks)
    torch.testing.assert_close(predictions.query_features, out)


def test_start_values():
    """As MaskFormer's: Xavier in the decoder, no bias where it enters."""
    head = build(feat_channels=64, num_queries=200, feedforward_channels=64)
    weight = head.transformer_decoder.layers[0].cross_attn.attn.out_proj.weight
    assert weight.abs().max() <= (6 / 128)**0.5
    assert weight.std().item() == pytest.approx((2 / 128)**0.5, rel=0.1)
    assert (head.decoder_input_proj.bias == 0).all()
    assert head.query_embed.weight.std().item() == pytest.approx(1, rel=0.1)


def test_defaults_are_those_of_the_paper():
    head = MODELS.build(dict(type='SSegHead', in_channels=(96, 192, 384, 768)))
    assert head.query_embed.weight.shape == (64, 256)
    assert len(head.transformer_decoder.layers) == 6
    layer = head.transformer_decoder.layers[0]
    assert layer.cross_attn.num_heads == 8
    assert layer.cross_attn.attn.dropout == 0.1
    assert layer.ffn.layers[0][0].out_features == 2048
    number = sum(p.numel() for p in head.parameters())
    assert 13e6 < number < 15e6  # about 14 million: MaskFormer


def test_pixel_decoder_with_a_transformer():
    head = build(
        pixel_decoder=dict(
            type='mmdet.TransformerEncoderPixelDecoder',
            norm_cfg=dict(type='GN', num_groups=2),
            encoder=dict(
                num_layers=1,
                layer_cfg=dict(
                    self_attn_cfg=dict(embed_dims=8, num_heads=2),
                    ffn_cfg=dict(embed_dims=8))),
            positional_encoding=dict(num_feats=4, normalize=True)))
    predictions = head(features())
    assert predictions.mask_logits[-1].shape == (2, 5, 8, 12)


def test_autocast():
    with torch.autocast('cpu', dtype=torch.bfloat16):
        predictions = build()(features())
    assert predictions.mask_logits[-1].dtype == torch.bfloat16
    assert predictions.mask_logits[-1].isfinite().all()


def test_clear_error():
    with pytest.raises(ValueError, match='multiple of 4.*num_heads=3'):
        build(num_heads=3)


def test_masked_attention_has_masks_of_the_learned_queries_too():
    head = build(masked_attention=True)
    predictions = head(features())
    assert [x.shape for x in predictions.mask_logits] == [(2, 5, 8, 12)] * 4
    loss = sum(x.square().sum() for x in predictions.mask_logits)
    loss.backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name


@pytest.mark.parametrize('masked', [False, True])
def test_queries_see_what_is_outside_of_their_masks(masked, monkeypatch):
    head = build(num_layers=1, masked_attention=masked).eval()
    # The masks are the left half of the image, whatever the image is.
    left = torch.full((1, 5, *SIZES[0]), -9.)
    left[..., :6] = 9.
    monkeypatch.setattr(head, '_masks', lambda *_: left)
    monkeypatch.setattr(head.pixel_decoder, 'forward', lambda feats, _:
                        (feats[0], feats[-1]))
    feats = features(1)
    first = head(feats).query_features
    feats[-1][...,
              2] += 1  # the last of three columns; masks end in the second
    assert torch.allclose(head(feats).query_features, first) == masked


def test_masked_attention_of_an_empty_mask_sees_everything():
    head = build(masked_attention=True)
    logits = torch.full((1, 5, *SIZES[0]), -9.)
    logits[0, 1, :4, :4] = 9.
    outside = head._outside(logits, SIZES[-1]).view(1, 2, 5, *SIZES[-1])
    assert not outside[:, :, [0, 2, 3, 4]].any()
    expected = torch.tensor([[False, True, True], [True, True, True]])
    assert (outside[:, :, 1] == expected).all()
