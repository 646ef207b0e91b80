from __future__ import annotations
import re

import pytest
import torch
from lavt_model import SWIN
from mmdet.models.backbones.swin import swin_converter
from mmseg.models.backbones.swin import PatchMerging
from mmseg.registry import MODELS

from mmlangseg.engine.swin_names import (rename_swin, reorder_swin,
                                         resize_bias_table)

OURS_TO_ORIGINAL = [(r'^stages\.', 'layers.'), (r'\.w_msa\.', '.'),
                    (r'\.ffn\.layers\.0\.0\.', '.mlp.fc1.'),
                    (r'\.ffn\.layers\.1\.', '.mlp.fc2.'),
                    (r'\.projection\.', '.proj.')]


def build(**settings) -> torch.nn.Module:
    return MODELS.build(
        dict(type='MultiModalSwin', word_channels=6, **{
            **SWIN,
            **settings
        }))


def original(**settings) -> dict:
    """Random weights with the names of the original Swin."""
    model = MODELS.build(dict(type='SwinTransformer', **{**SWIN, **settings}))
    weights = {}
    random = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        for pattern, new in OURS_TO_ORIGINAL:
            name = re.sub(pattern, new, name)
        if not re.match(r'norm\d', name):  # of segmentation models only
            weights[name] = torch.randn(value.shape, generator=random)
            if name.endswith('index'):
                weights[name] = value
    return {
        **weights, 'norm.weight': torch.ones(64),
        'head.weight': torch.ones(10, 64),
        'layers.0.blocks.1.attn_mask': torch.ones(1)
    }


def save(tmp_path, content) -> dict:
    torch.save(content, tmp_path / 'swin.pth')
    return dict(type='Pretrained', checkpoint=str(tmp_path / 'swin.pth'))


def image_weights(model) -> dict:
    return {
        name: value.clone()
        for name, value in model.state_dict().items()
        if name.startswith(('stages.', 'patch_embed.'))
    }


def test_the_rule_is_that_of_mmdet():
    weights = {k: v for k, v in original().items() if 'attn_mask' not in k}
    theirs = swin_converter(weights)
    ours = {
        f'backbone.{rename_swin(name)}': reorder_swin(name, value)
        for name, value in weights.items() if not name.startswith('head')
    }
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_patch_merging_of_the_original():
    """mmseg's with rearranged weights gives what the original gives."""
    torch.manual_seed(0)
    merging = PatchMerging(in_channels=3, out_channels=6)
    norm, bias = torch.randn(2, 12)
    reduction = torch.randn(6, 12)
    x = torch.randn(2, 4, 6, 3)
    neighbors = torch.cat([
        x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]
    ], -1)
    expected = torch.nn.functional.layer_norm(neighbors, (12, ), norm, bias)
    expected = expected @ reduction.T
    merging.load_state_dict({
        name:
        reorder_swin(f'layers.0.downsample.{name}', value)
        for name, value in (('norm.weight', norm), ('norm.bias', bias),
                            ('reduction.weight', reduction))
    })
    ours, size = merging(x.flatten(1, 2), (4, 6))
    assert size == (2, 3)
    torch.testing.assert_close(ours, expected.flatten(1, 2))


@pytest.mark.parametrize('wrap', [
    lambda w: w,
    lambda w: dict(model=w),
    lambda w: dict(state_dict={f'backbone.{k}': v
                               for k, v in w.items()}),
    lambda w: dict(state_dict=swin_converter(w)),
], ids=['plain', 'original', 'segmentor', 'mmseg'])  # yapf: disable
def test_loads_under_any_name(tmp_path, wrap):
    weights = original()
    model = build(init_cfg=save(tmp_path, wrap(weights)))
    untouched = model.fusions.state_dict()['0.query.weight'].clone()
    model.init_weights()
    loaded = [
        name for name in weights
        if name.startswith(('layers.', 'patch_embed.')) and not name.endswith(
            ('_index', '_mask'))
    ]
    for name in loaded:
        assert torch.equal(model.state_dict()[rename_swin(name)],
                           reorder_swin(name, weights[name])), name
    assert torch.equal(model.fusions[0].query.weight, untouched)


def test_damaged_index_tables_are_not_loaded(tmp_path):
    weights = original()
    name = 'layers.0.blocks.0.attn.relative_position_index'
    model = build(
        init_cfg=save(tmp_path, {
            **weights, name: torch.zeros_like(weights[name])
        }))
    model.init_weights()
    assert torch.equal(model.state_dict()[rename_swin(name)], weights[name])


def test_another_window(tmp_path):
    weights = original(window_size=7)
    model = build(window_size=12, init_cfg=save(tmp_path, weights))
    model.init_weights()
    name = 'layers.1.blocks.0.attn.relative_position_bias_table'
    table = model.state_dict()[rename_swin(name)]
    assert table.shape == (23 * 23, 2)
    assert torch.equal(table, resize_bias_table(weights[name], 23 * 23))
    assert len(
        image_weights(model)['stages.0.blocks.0.attn.w_msa.'
                             'relative_position_index']) == 144


class TestBiasTable:

    def test_same_size(self):
        table = torch.randn(169, 3)
        torch.testing.assert_close(resize_bias_table(table, 169), table)

    def test_ramp_stays_a_ramp_in_its_direction(self):
        rows = torch.arange(13.).repeat_interleave(13)  # by the row
        columns = torch.arange(13.).repeat(13)
        resized = resize_bias_table(torch.stack([rows, columns], 1), 529)
        square = resized.reshape(23, 23, 2)
        assert (square[1:-1, :, 0].diff(dim=0) > 0).all()
        assert square[..., 0].std(1).max() < 1e-5
        assert (square[:, 1:-1, 1].diff(dim=1) > 0).all()
        assert square[..., 1].std(0).max() < 1e-5

    def test_no_square(self):
        with pytest.raises(ValueError, match='got 168 and 529'):
            resize_bias_table(torch.zeros(168, 3), 529)


@pytest.mark.parametrize('settings, message', [
    (dict(embed_dims=16), r'(?s)swin.pth: .* has shape .*check `embed_dims`'),
    (dict(num_heads=(1, 2, 4, 4)), r'bias_table has shape \(169, 2\)'),
    (dict(depths=(2, 2, 1, 1)), r'swin.pth lacks .*check `depths`'),
])
def test_other_sizes(tmp_path, settings, message):
    model = build(init_cfg=save(tmp_path, original()), **settings)
    with pytest.raises(ValueError, match=message):
        model.init_weights()


def test_other_content(tmp_path):
    model = build(init_cfg=save(tmp_path, dict(a=torch.ones(2))))
    with pytest.raises(ValueError, match='it is no Swin Transformer'):
        model.init_weights()
