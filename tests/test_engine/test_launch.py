"""What build_runner changes in a config before it builds anything."""
from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmlangseg.engine.launch import build_runner


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
