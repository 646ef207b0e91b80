from __future__ import annotations
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from toy_task import ToyLineDataset, ToyLineModel

from mmlangseg.compat.loading import repair_checkpoint_loading
from mmlangseg.engine import AtomicBackend  # noqa: F401, registers 'atomic'


class RecordingModel(ToyLineModel):
    """Keeps the training losses."""

    def train_step(self, data, optim_wrapper):
        logs = super().train_step(data, optim_wrapper)
        self.losses.append(logs['loss'].item())
        return logs


@pytest.fixture
def train(tmp_path):
    repair_checkpoint_loading()

    def run(name: str,
            seed: int | None = 0,
            epochs: int = 3,
            num_workers: int = 0,
            load_from: str | None = None) -> list[float]:
        torch.manual_seed(0)
        model = RecordingModel()
        model.losses = []
        runner = Runner(
            model=model,
            work_dir=str(tmp_path / name),
            train_dataloader=dict(
                batch_size=2,
                num_workers=num_workers,
                dataset=ToyLineDataset(),
                sampler=dict(type='EpochSampler', shuffle=True)),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.01)),
            param_scheduler=dict(type='PolyLR', end=3, by_epoch=True),
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook',
                    interval=1,
                    backend_args=dict(backend='atomic'))),
            custom_hooks=[HOOKS.build(dict(type='IterationSeedHook'))],
            randomness=dict(seed=seed),
            load_from=load_from,
            resume=load_from is not None,
            experiment_name=f'{name}{torch.rand(())}')
        runner.train()
        return model.losses

    return run


def test_resumed_run_repeats_the_uninterrupted_one(train, tmp_path):
    whole = train('whole')
    checkpoint = str(tmp_path / 'whole' / 'epoch_1.pth')
    assert train('resumed', load_from=checkpoint) == whole[5:]


def test_unset_seed_is_resumed_too(train, tmp_path):
    whole = train('whole', seed=None)
    checkpoint = str(tmp_path / 'whole' / 'epoch_2.pth')
    assert train('resumed', seed=None, load_from=checkpoint) == whole[10:]


def test_workers_do_not_matter(train):
    assert train('two', num_workers=2) == train('none')


def test_seed_matters(train):
    assert train('seed 1', seed=1) != train('seed 0')


@pytest.mark.parametrize('different', [False, True])
def test_processes_share_one_order(monkeypatch, different):
    """Also where MMEngine adds the rank to the seed of the run."""
    monkeypatch.setattr('mmlangseg.engine.iteration_seed_hook.get_rank',
                        lambda: 2)
    sampler, dataset = SimpleNamespace(seed=0), SimpleNamespace(sample_seed=0)
    runner = SimpleNamespace(
        seed=7 + 2 * different,
        _randomness_cfg=dict(seed=7, diff_rank_seed=different),
        train_dataloader=SimpleNamespace(sampler=sampler, dataset=dataset))
    HOOKS.build(dict(type='IterationSeedHook')).before_train(runner)
    assert (sampler.seed, dataset.sample_seed) == (7, 7)
