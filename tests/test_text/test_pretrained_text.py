"""Pretrained text encoders are named by one option, and not trained too
fast."""
from __future__ import annotations
import logging
from types import SimpleNamespace

import pytest
from config_files import find_config
from mmengine.config import Config
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmengine.registry import HOOKS, MODELS
from text_folder import write_text_folder
from torch import nn

from mmlangseg.engine.launch import load_config
from mmlangseg.text import use_pretrained_encoders

# Small configs by the place of their text encoder.
SMALL = {
    'less_toy.py': 'model.text_encoder',
    'less_own_scans.py': 'model.text_encoder',
    'semires_toy_burnin_5pct.py': 'model.segmentor.text_encoder',
    'semires_toy_iom_5pct.py': 'model.segmentor.text_encoder',
    'semires_own_images.py': 'model.segmentor.text_encoder',
    'semires_own_images_burnin.py': 'model.text_encoder',
    'sseg_toy.py': 'model.text_encoder',
    'sseg_toy_pooled.py': 'model.text_encoder',
    'sseg_own_pairs.py': 'model.text_encoder',
    'sseg_swin-s_cc12m.py': 'model.text_encoder',
}
# What the papers' configs train a pretrained encoder at.
PAPERS = {
    'less_scanrefer.py': 2e-5,
    'less_nr3d.py': 2e-5,
    'lavt_refcoco.py': 5e-5,
    'semires_refcoco_burnin_1pct.py': 5e-5,
    'semires_refcoco_iom_1pct.py': 5e-5,
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(
        write_text_folder(
            tmp_path_factory.mktemp('text'), dict(pooling_mode='mean')))


class Model(nn.Module):
    """A text encoder and something else."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.text_encoder = MODELS.build(config)
        self.head = nn.Linear(2, 2)


def read(name: str, **options) -> Config:
    if name.startswith('less'):
        pytest.importorskip('mmdet3d')
        pytest.importorskip('spconv')
    return load_config(str(find_config(name)), options=options)


def encoder_config(cfg: Config, place: str) -> dict:
    for key in place.split('.'):
        cfg = cfg[key]
    return cfg


def rates(wrapper) -> dict[int, float]:
    return {
        id(parameter): group['lr']
        for group in wrapper.param_groups
        for parameter in group['params']
    }


def log_of_training(model: nn.Module, wrapper) -> list[tuple[int, str]]:
    """Levels and texts of what the hook says."""
    lines = []
    logger = SimpleNamespace(
        info=lambda text: lines.append((logging.INFO, text)),
        log=lambda level, text: lines.append((level, text)))
    HOOKS.build(dict(type='PretrainedTextHook')).before_train(
        SimpleNamespace(model=model, optim_wrapper=wrapper, logger=logger))
    return lines


@pytest.mark.parametrize('name', SMALL)
def test_one_option(name, folder):
    """It keeps the pretrained weights from the rate of the new ones."""
    place = SMALL[name]
    cfg = read(name, **{f'{place}.pretrained': folder})
    config = encoder_config(cfg, place)
    assert config == dict(type='HuggingFaceTextEncoder', pretrained=folder)
    model = Model(config)
    assert model.text_encoder.pooling == 'mean'
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    found = rates(wrapper)
    assert {found[id(p)] for p in model.text_encoder.parameters()} == {2e-5}
    base = cfg.optim_wrapper.optimizer.lr
    assert {found[id(p)] for p in model.head.parameters()} == {base} != {2e-5}
    assert log_of_training(model, wrapper) == [
        (logging.INFO,
         'the pretrained weights of text_encoder are trained at 2e-05')
    ]


@pytest.mark.parametrize('name', SMALL)
def test_words_from_scratch_keep_their_rate(name, folder):
    cfg = read(name)
    mult = cfg.optim_wrapper.paramwise_cfg.get('custom_keys',
                                               {}).get('text_encoder',
                                                       {}).get('lr_mult', 1)
    model = Model(dict(type='GRUTextEncoder', vocabulary=['a', 'b']))
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    lr = cfg.optim_wrapper.optimizer.lr * mult
    found = rates(wrapper)
    assert [found[id(p)] for p in model.text_encoder.parameters()
            ] == pytest.approx(9 * [lr])
    assert log_of_training(model, wrapper) == []


@pytest.mark.parametrize('name, lr', PAPERS.items())
def test_schedules_of_the_papers(name, lr, folder):
    model = Model(dict(type='HuggingFaceTextEncoder', pretrained=folder))
    wrapper = build_optim_wrapper(model, read(name).optim_wrapper)
    found = rates(wrapper)
    assert [found[id(p)] for p in model.text_encoder.parameters()
            ] == pytest.approx(37 * [lr])
    (level, _), = log_of_training(model, wrapper)
    assert level == logging.INFO


@pytest.mark.parametrize('name', [*SMALL, *PAPERS])
def test_every_training_has_the_hook(name):
    hooks = [hook['type'] for hook in read(name).custom_hooks]
    assert {'PretrainedTextHook', 'UnknownWordsHook'} <= set(hooks)


@pytest.mark.parametrize('several', [False, True])
def test_warning(folder, several):
    """With any constructor, and before the warm-up."""
    model = nn.ModuleDict(
        dict(
            student=Model(
                dict(type='HuggingFaceTextEncoder', pretrained=folder)),
            teacher=Model(
                dict(type='HuggingFaceTextEncoder',
                     pretrained=folder)).requires_grad_(False)))
    wrapper = build_optim_wrapper(model,
                                  dict(optimizer=dict(type='AdamW', lr=3e-4)))
    for group in wrapper.param_groups:  # as a scheduler does
        group['initial_lr'], group['lr'] = group['lr'], 3e-7
    if several:
        wrapper = OptimWrapperDict(main=wrapper)
    (level, text), = log_of_training(model, wrapper)
    assert level == logging.WARNING
    assert text.startswith('the pretrained weights of student.text_encoder '
                           'are trained at 0.0003, and more than about 0.0001')
    assert 'model.segmentor.text_encoder.frozen=True' in text


def test_frozen_and_own_rate(folder):
    config = dict(type='HuggingFaceTextEncoder', pretrained=folder)
    frozen = Model(dict(frozen=True, **config))
    optim = dict(
        constructor='PretrainedTextConstructor',
        optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.1),
        paramwise_cfg=dict(
            pretrained_text_lr=1e-6,
            custom_keys=dict(text_encoder=dict(lr_mult=5., decay_mult=0.3))))
    assert log_of_training(frozen, build_optim_wrapper(frozen, optim)) == []
    model = Model(config)
    wrapper = build_optim_wrapper(model, optim)
    groups = {id(g['params'][0]): g for g in wrapper.param_groups}
    for parameter in model.text_encoder.parameters():
        assert groups[id(parameter)]['lr'] == 1e-6
        assert groups[id(parameter)]['weight_decay'] == pytest.approx(0.03)
    assert groups[id(model.head.weight)]['lr'] == 1e-3


def test_vectors_of_glove(tmp_path):
    """Pretrained are the vectors, not the GRU."""
    path = tmp_path / 'glove.txt'
    path.write_text('the 1 2 3\nchair 0.5 -1 2e-1\n')
    model = Model(dict(type='GRUTextEncoder', vocabulary=str(path)))
    optim = dict(
        constructor='PretrainedTextConstructor',
        optimizer=dict(type='AdamW', lr=1e-3))
    found = rates(build_optim_wrapper(model, optim))
    encoder = model.text_encoder
    assert found[id(encoder.vectors.weight)] == 2e-5
    assert {found[id(p)] for p in encoder.gru.parameters()} == {1e-3}


def test_other_encoders_are_left_alone():
    model = dict(
        text_encoder=dict(type='GRUTextEncoder', vocabulary='a'),
        backbone=dict(type='ResNet', pretrained='b'),
        other=dict(type='mmseg.CLIPTextTransformer', pretrained='c', depth=1))
    use_pretrained_encoders(model)
    assert model == dict(
        text_encoder=dict(type='GRUTextEncoder', vocabulary='a'),
        backbone=dict(type='ResNet', pretrained='b'),
        other=dict(type='HuggingFaceTextEncoder', pretrained='c'))
