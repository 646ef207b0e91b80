"""What build_runner changes in a config before it builds anything."""
from __future__ import annotations
import os
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmlangseg.engine import launch
from mmlangseg.engine.launch import (build_runner, require_gpus_for_sync_bn,
                                     warn_of_idle_keys)


@pytest.fixture
def built(monkeypatch):
    """Configs as the runner gets them."""
    configs = []
    monkeypatch.setattr(Runner, 'from_cfg', configs.append)

    def build(**loader):
        build_runner(Config(dict(launcher='none', train_dataloader=loader)))
        return configs[-1].train_dataloader

    return build


def test_batches_of_several_sources_follow_the_loader(built):
    loader = built(
        batch_size=3, sampler=dict(type='MultiSource', batch_size=6))
    assert loader.sampler.batch_size == 3
    assert 'batch_size' not in built(
        batch_size=3, sampler=dict(type='EpochSampler')).sampler


@pytest.mark.parametrize('workers', [0, 2])
def test_no_persistent_workers_without_workers(built, workers):
    loader = built(batch_size=3, num_workers=workers, persistent_workers=True)
    assert loader.persistent_workers == bool(workers)


@pytest.mark.parametrize('dataset, base', [
    (dict(type='ScanReferDataset', expressions_per_scene=7), 2),
    (dict(type='ScanReferDataset', expressions_per_scene=4), 3.5),
    (dict(type='ScanReferDataset'), 14),
    (dict(
        type='RepeatDataset',
        dataset=dict(
            type='ConcatDataset',
            datasets=[dict(expressions_per_scene=2)] * 2)), 7),
    (dict(type='ConcatDataset', datasets=[dict(type='A')] * 2), 14),
])
def test_base_of_the_learning_rate_is_in_sentences(monkeypatch, dataset, base):
    monkeypatch.setattr(
        Runner, 'from_cfg',
        lambda cfg: SimpleNamespace(auto_scale_lr=cfg.auto_scale_lr))
    cfg = Config(
        dict(
            train_dataloader=dict(batch_size=2, dataset=dataset),
            launcher='none',
            auto_scale_lr=dict(enable=True, base_batch_size=14)))
    runner = build_runner(cfg)
    assert runner.auto_scale_lr == dict(enable=True, base_batch_size=base)
    assert cfg.auto_scale_lr.base_batch_size == 14  # may be used again


def test_mixed_numbers_of_sentences(built):
    datasets = [dict(type='A'), dict(type='A', expressions_per_scene=4)]
    cfg = Config(
        dict(
            train_dataloader=dict(dataset=dict(datasets=datasets)),
            launcher='none',
            auto_scale_lr=dict(enable=True, base_batch_size=14)))
    with pytest.raises(SystemExit, match=r'same expressions.*\[1, 4\]'):
        build_runner(cfg)


def test_deterministic_runs_warn_of_what_is_not(monkeypatch):
    monkeypatch.setattr(Runner, 'from_cfg', lambda cfg: 'runner')
    monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
    cfg = dict(launcher='none', randomness=dict(seed=0, deterministic=True))
    try:
        assert build_runner(Config(cfg)) == 'runner'
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert os.environ['CUBLAS_WORKSPACE_CONFIG']


@pytest.mark.parametrize('scheduler, start', [
    (dict(type='LinearLR', start_factor=0.01, end=1), 1.),
    (dict(type='LinearLR', start_factor=0.01, begin=3, end=4), 1.),
    (dict(type='LinearLR', start_factor=0.01, end=1, end_factor=0.5), 0.5),
    (dict(type='LinearLR', start_factor=0.01, end=2), 0.01),
    (dict(
        type='LinearLR', start_factor=0.01, end=1,
        convert_to_iter_based=True), 0.01),
    (dict(type='PolyLR', start_factor=0.01, end=1), 0.01),
])
def test_warm_up_of_one_step(monkeypatch, scheduler, start):
    """MMEngine would stay at its beginning for the whole training."""
    monkeypatch.setattr(Runner, 'from_cfg', lambda cfg: cfg)
    for given in (scheduler, [scheduler], dict(generator=[scheduler])):
        cfg = build_runner(
            Config(dict(launcher='none', param_scheduler=given)))
        found = cfg.param_scheduler
        found = found.get('generator', found) if isinstance(found,
                                                            dict) else found
        found = found[0] if isinstance(found, list) else found
        assert found.start_factor == start


def test_synchronized_batch_norm_needs_gpus(monkeypatch):
    norm = dict(layers=[dict(norm_cfg=dict(type='SyncBN'))])
    given = dict(sync_bn='torch'), dict(model=norm)
    messages = ('sync_bn: .*GPUs only.* --cfg-options sync_bn=None',
                'model.layers.0.norm_cfg.type: .*norm_cfg.type=BN')
    monkeypatch.setattr(launch, 'get_device', lambda: 'cpu')
    for values, message in zip(given, messages):
        with pytest.raises(SystemExit, match=message):
            require_gpus_for_sync_bn(Config(dict(launcher='slurm', **values)))
        # torch does not synchronize a process of its own
        require_gpus_for_sync_bn(Config(dict(launcher='none', **values)))
    plain = dict(sync_bn=None, model=dict(norm_cfg=dict(type='BN')))
    require_gpus_for_sync_bn(Config(dict(launcher='pytorch', **plain)))
    monkeypatch.setattr(launch, 'get_device', lambda: 'cuda')
    for values in given:
        require_gpus_for_sync_bn(Config(dict(launcher='pytorch', **values)))


def test_keys_that_meet_no_parameter(monkeypatch):
    said = []
    monkeypatch.setattr(launch, 'print_log',
                        lambda text, *_: said.append(text))
    model = torch.nn.ModuleDict(dict(text_encoder=torch.nn.Linear(1, 1)))
    for keys in (None, {}, dict(text_encoder=dict(lr_mult=5.)), {'.bias': {}}):
        warn_of_idle_keys(model, dict(paramwise_cfg=dict(custom_keys=keys)))
    warn_of_idle_keys(model, {})
    assert not said
    keys = dict(txt_encoder=dict(lr_mult=5.))
    warn_of_idle_keys(model, dict(paramwise_cfg=dict(custom_keys=keys)))
    assert "no parameter of the model has 'txt_encoder'" in said[0]


@pytest.mark.parametrize('device, backend', [('cpu', 'gloo'),
                                             ('cuda', 'nccl')])
def test_nccl_is_for_gpus(monkeypatch, device, backend):
    monkeypatch.setattr(launch, 'get_device', lambda: device)
    monkeypatch.setattr(Runner, 'from_cfg', lambda cfg: cfg)
    cfg = Config(
        dict(launcher='none', env_cfg=dict(dist_cfg=dict(backend='nccl'))))
    assert build_runner(cfg).env_cfg.dist_cfg.backend == backend
