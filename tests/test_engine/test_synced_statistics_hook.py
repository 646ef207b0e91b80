from __future__ import annotations
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook
from torch import nn

from mmlangseg.engine import SyncedStatisticsHook, synced_statistics_hook


@pytest.mark.parametrize('saving, due', [
    (dict(interval=3, by_epoch=False), [3, 6, 8]),
    (dict(interval=3, by_epoch=False, save_begin=6, save_last=False), [6]),
    (dict(interval=1, by_epoch=True), []),
])
def test_statistics_are_averaged_before_they_are_saved(monkeypatch, saving,
                                                       due):
    model = nn.BatchNorm1d(2)
    averaged = []

    def average(buffers, op):
        assert op == 'mean'
        next(iter(buffers)).fill_(7)
        averaged.append(runner.iter + 1)

    monkeypatch.setattr(synced_statistics_hook, 'all_reduce_params', average)
    hook = SyncedStatisticsHook()
    hook.distributed = True
    runner = SimpleNamespace(
        model=model, max_iters=8, hooks=[hook, CheckpointHook(**saving)])
    for runner.iter in range(8):
        hook.after_train_iter(runner, runner.iter)
    assert averaged == due
    assert torch.equal(model.running_mean == 7, torch.full((2, ), bool(due)))

    # of one process there is nothing to average
    hook.distributed = False
    hook.after_train_iter(runner, runner.iter)
    assert averaged == due


def test_it_comes_before_the_checkpoint():
    from mmengine.runner import get_priority
    assert get_priority(SyncedStatisticsHook.priority) < get_priority(
        CheckpointHook.priority)
