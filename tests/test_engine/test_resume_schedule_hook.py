"""Learning rates behind a resume are those of the config."""
from __future__ import annotations

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from toy_task import ToyLineDataset, ToyLineModel

from mmlangseg.compat.loading import repair_checkpoint_loading
from mmlangseg.engine import AtomicBackend  # noqa: F401, registers 'atomic'

# those of the entry configs
WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=3)
SCHEDULES = dict(
    poly=[
        dict(
            type='PolyLR',
            power=0.9,
            eta_min=0.,
            begin=0,
            by_epoch=True,
            convert_to_iter_based=True)
    ],
    warm_up_and_poly=[
        WARM_UP,
        dict(
            type='PolyLR',
            power=0.9,
            eta_min=0.,
            by_epoch=True,
            convert_to_iter_based=True)
    ],
    warm_up_and_cosine=[
        WARM_UP,
        dict(
            type='CosineAnnealingLR',
            eta_min=1e-5,
            by_epoch=True,
            convert_to_iter_based=True)
    ],
    epochs_of_warm_up=[
        dict(
            type='LinearLR',
            start_factor=0.0025,
            by_epoch=True,
            begin=0,
            end=1,
            convert_to_iter_based=True),
        dict(
            type='CosineAnnealingLR',
            eta_min_ratio=0.025,
            by_epoch=True,
            begin=1,
            convert_to_iter_based=True)
    ],
    exponential=[dict(type='ExponentialLR', gamma=0.95, by_epoch=True)],
    poly_by_epoch=[dict(type='PolyLR', power=1., by_epoch=True)],
    one_cycle=[
        dict(
            type='OneCycleLR',
            eta_max=0.02,
            total_steps=8,
            by_epoch=True,
            convert_to_iter_based=True)
    ],
)


class Recorder(Hook):
    """Keeps iteration, rates and decay of every step."""

    def __init__(self) -> None:
        self.steps = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        groups = runner.optim_wrapper.optimizer.param_groups
        rates = [group['lr'] for group in groups]
        self.steps.append((runner.iter, rates, groups[0]['weight_decay']))


@pytest.fixture
def train(tmp_path):
    repair_checkpoint_loading()

    def run(name: str,
            schedule: list,
            loop: dict | None = None,
            batch_size: int = 2,
            lr: float = 0.01,
            load_from: str | None = None,
            **options) -> list:
        hooks = [
            dict(type='IterationSeedHook'),
            dict(type='CheckpointMatchHook'),
            dict(type='ResumeScheduleHook'),
        ]
        recorder = Recorder()
        loop = loop or dict(by_epoch=True, max_epochs=4)
        runner = Runner(
            model=ToyLineModel(),
            work_dir=str(tmp_path / name),
            train_dataloader=dict(
                batch_size=batch_size,
                num_workers=0,
                dataset=ToyLineDataset(),
                sampler=dict(type='EpochSampler', shuffle=True)),
            train_cfg=loop,
            optim_wrapper=dict(
                optimizer=dict(type='AdamW', lr=lr, **options),
                paramwise_cfg=dict(custom_keys=dict(up=dict(lr_mult=5.)))),
            param_scheduler=schedule,
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook',
                    by_epoch='max_epochs' in loop,
                    interval=1)),
            custom_hooks=[*map(HOOKS.build, hooks), recorder],
            randomness=dict(seed=0),
            load_from=load_from,
            resume=load_from is not None,
            experiment_name=f'{name}{torch.rand(())}')
        runner.train()
        return recorder.steps

    return run


def rates(steps: list) -> list:
    return [(iteration, *values) for iteration, values, _ in steps]


def assert_close(steps: list, expected: list) -> None:
    torch.testing.assert_close(
        torch.tensor(rates(steps)).double(),
        torch.tensor(rates(expected)).double(),
        rtol=1e-6,
        atol=1e-12)


@pytest.mark.parametrize('schedule', SCHEDULES.values(), ids=list(SCHEDULES))
def test_more_epochs(train, tmp_path, schedule):
    whole = train('whole', schedule)
    train('short', schedule, dict(by_epoch=True, max_epochs=2))
    steps = train(
        'longer', schedule, load_from=f'{tmp_path}/short/epoch_2.pth')
    assert len(steps) == 10
    assert_close(steps, whole[10:])


@pytest.mark.parametrize('schedule', SCHEDULES.values(), ids=list(SCHEDULES))
@pytest.mark.parametrize('before, after', [(2, 5), (5, 2)])
def test_another_number_of_iterations(train, tmp_path, schedule, before,
                                      after):
    """By another batch size, which a number of processes changes, too."""
    whole = train('whole', schedule, batch_size=after)
    train('first', schedule, batch_size=before)
    steps = train(
        'second',
        schedule,
        batch_size=after,
        load_from=f'{tmp_path}/first/epoch_2.pth')
    assert_close(steps, whole[len(whole) // 2:])


def test_unchanged_config_leaves_all_alone(train, tmp_path, monkeypatch):
    monkeypatch.setattr('mmlangseg.engine.resume_schedule_hook._run_up', None)
    schedule = SCHEDULES['warm_up_and_cosine']
    whole = train('whole', schedule)
    steps = train(
        'resumed', schedule, load_from=f'{tmp_path}/whole/epoch_2.pth')
    assert steps == whole[10:]


def test_settings_of_the_optimizer(train, tmp_path):
    """They are the config's, as the schedule is."""
    schedule = SCHEDULES['poly']
    whole = train('whole', schedule, lr=0.03, weight_decay=0.2)
    train('first', schedule)
    steps = train(
        'second',
        schedule,
        lr=0.03,
        weight_decay=0.2,
        load_from=f'{tmp_path}/first/epoch_3.pth')
    assert_close(steps, whole[15:])
    assert {decay for *_, decay in steps} == {0.2}


def test_more_iterations(train, tmp_path):
    schedule = [dict(type='PolyLR', power=1., by_epoch=False)]
    loop = dict(by_epoch=False, max_iters=5)
    whole = train('whole', schedule, loop)
    train('short', schedule, dict(by_epoch=False, max_iters=2))
    steps = train(
        'longer', schedule, loop, load_from=f'{tmp_path}/short/iter_2.pth')
    assert len(steps) == 3
    assert_close(steps, whole[2:])


def test_what_is_said(train, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmlangseg.engine.resume_schedule_hook.print_log',
                        lambda text, *args: said.append(text))
    schedule = SCHEDULES['poly']
    train('first', schedule)
    train(
        'second',
        schedule,
        dict(by_epoch=True, max_epochs=8),
        batch_size=5,
        load_from=f'{tmp_path}/first/epoch_4.pth')
    curve, batches = said
    assert 'iterations of 4 epochs 20 -> 8' in curve
    assert 'end of PolyLR 20 -> 16' in curve
    assert 'batches of 2 on 1 processes became batches of 5 on 1' in batches
    said.clear()
    train('again', schedule, load_from=f'{tmp_path}/first/epoch_4.pth')
    assert len(said) == 1 and 'nothing is left to train' in said[0]


def test_schedules_that_follow_the_scores(train, tmp_path):
    schedule = [dict(type='ReduceOnPlateauLR', monitor='loss', by_epoch=True)]
    train('first', schedule)
    path = f'{tmp_path}/first/epoch_2.pth'
    assert len(train('same', schedule, load_from=path)) == 10
    with pytest.raises(ValueError, match='ReduceOnPlateauLR'):
        train('other', schedule, batch_size=5, load_from=path)


def test_weights_alone_are_no_training(train, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=ToyLineModel().state_dict()), path)
    with pytest.raises(ValueError, match='lacks meta.*optimizer.*load_from='):
        train('resumed', SCHEDULES['poly'], load_from=str(path))


def test_other_groups_of_parameters(train, tmp_path):
    path = tmp_path / 'first' / 'epoch_4.pth'
    train('first', SCHEDULES['poly'])
    saved = torch.load(path, weights_only=False)
    saved['optimizer']['param_groups'].pop()
    torch.save(saved, path)
    with pytest.raises(ValueError, match='4 groups .* checkpoint 3'):
        train('resumed', SCHEDULES['poly'], load_from=str(path))
