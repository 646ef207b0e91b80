"""What decays, and how fast which part learns, in every entry config."""
from __future__ import annotations
import re

import pytest
import torch
from config_files import ENTRIES
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

import mmlangseg.engine  # noqa: F401, registers the constructor

# (rate, decay), both relative to those of the optimizer
PLAIN = {
    'backbone.layer.weight': (1, 1),
    'backbone.layer.bias': (1, 1),
    'backbone.norm1.weight': (1, 1),
    'backbone.relative_position_bias_table': (1, 1),
    'head.bn.weight': (1, 1),
    'text_encoder.embedding.weight': (1, 1),
    'text_encoder.gru.weight_ih_l0': (1, 1),
    'text_encoder.gru.bias_ih_l0': (1, 1),
    'text_encoder.LayerNorm.weight': (1, 1),
    'text_encoder.LayerNorm.bias': (1, 1),
    'logit_scale': (1, 1),
}


def expected(stem: str) -> dict[str, tuple[float, float]]:
    """What each schedule means."""
    rate, decay, free = 1., 1., ()  # of the text encoder, and without decay
    if stem.startswith('less'):
        decay = 0.2
        rate = dict(less_toy=5., less_own=1.).get(stem[:8], 0.2)
    elif stem.startswith(('semires_toy', 'semires_own', 'lavt_toy')):
        rate = 3.
    elif stem.startswith(('semires', 'lavt')):
        free = 'backbone.norm1.weight', 'backbone.relative_position_bias_table'
    else:  # S-Seg: of two dimensions alone
        rate = 1. if 'swin-s' in stem else 5.
        free = [
            name for name in PLAIN
            if re.search('bias$|bias_ih|[nN]orm|bn|logit', name)
        ]
    return {
        name: (rate if name.startswith('text') else value[0], 0. if name
               in free else decay if name.startswith('text') else value[1])
        for name, value in PLAIN.items()
    }


class Layers(nn.Module):

    def __init__(self, **layers) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)


def model() -> nn.Module:
    backbone = Layers(layer=nn.Linear(2, 2), norm1=nn.LayerNorm(2))
    backbone.relative_position_bias_table = nn.Parameter(torch.ones(3, 2))
    whole = Layers(
        backbone=backbone,
        head=Layers(bn=nn.BatchNorm1d(2)),
        text_encoder=Layers(
            embedding=nn.Embedding(3, 2),
            gru=nn.GRU(2, 2),
            LayerNorm=nn.LayerNorm(2)))
    whole.logit_scale = nn.Parameter(torch.ones(1))
    return whole


def settings(optim_wrapper: dict) -> dict[str, tuple[float, float]]:
    parts = model()
    optimizer = build_optim_wrapper(parts, optim_wrapper).optimizer
    groups = {id(p): g for g in optimizer.param_groups for p in g['params']}
    base = optim_wrapper['optimizer']
    return {
        name: (groups[id(p)]['lr'] / base['lr'],
               groups[id(p)]['weight_decay'] / base['weight_decay'])
        for name, p in parts.named_parameters()
    }


def schedules() -> dict[str, Config]:
    """The configs that train, but for those of layer-wise decay."""
    configs = {
        path.stem: Config.fromfile(path, import_custom_modules=False)
        for path in ENTRIES
    }
    return {
        stem: cfg
        for stem, cfg in configs.items() if 'optim_wrapper' in cfg
        and cfg.optim_wrapper.get('constructor', '')[:5] != 'Learn'
    }


def test_all_schedules():
    found = schedules()
    assert len(found) > 80
    for stem, cfg in found.items():
        optim_wrapper = cfg.optim_wrapper.to_dict()
        optim_wrapper['optimizer'].pop('fused', None)
        got, wanted = settings(optim_wrapper), expected(stem)
        for name, value in wanted.items():
            assert got[name] == pytest.approx(value), (stem, name)


@pytest.mark.parametrize('keys, name, value', [
    ({}, 'text_encoder.LayerNorm.bias', (1, 0)),
    (dict(text=dict(lr_mult=5)), 'text_encoder.LayerNorm.bias', (5, 0)),
    (dict(text=dict(lr_mult=5)), 'text_encoder.gru.weight_ih_l0', (5, 1)),
    (dict(text=dict(lr_mult=5)), 'backbone.layer.bias', (1, 0)),
    (dict(text=dict(decay_mult=.5)), 'text_encoder.LayerNorm.bias', (1, .5)),
    (dict(text=dict(lr_mult=5),
          gru=dict(decay_mult=.5)), 'text_encoder.gru.weight_ih_l0', (5, .5)),
    (dict(text=dict(lr_mult=5), text_encoder=dict(lr_mult=2)),
     'text_encoder.gru.weight_ih_l0', (2, 1)),
])
def test_a_key_sets_what_it_names(keys, name, value):
    found = settings(
        dict(
            constructor='PartwiseOptimWrapperConstructor',
            optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.2),
            paramwise_cfg=dict(
                norm_decay_mult=0., bias_decay_mult=0., custom_keys=keys)))
    assert found[name] == pytest.approx(value)
