"""Resuming on the schedule of the config."""
from __future__ import annotations
import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapperDict, _ParamScheduler
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner

# What a scheduler's state says about its position, not about its curve.
_POSITION = ('last_step', '_global_step', '_last_value', 'base_values',
             'verbose')
_LISTED = 4


@HOOKS.register_module()
class ResumeScheduleHook(Hook):
    """Let a resumed training follow its config, wherever that has changed.

    MMEngine (0.10.7) restores learning rates, other settings of the optimizer
    and the whole schedules from the checkpoint, their length in iterations
    included. With more epochs ``PolyLR`` then stays at zero, and with another
    batch size or number of processes the rate falls too early or too late.

    Here a checkpoint says where the training stands, in epochs (in
    iterations, with an iteration-based loop), and the config says the rest:
    where the two disagree, the schedules of the config are run up to that
    epoch, the iterations are counted anew, and a warning names what has
    changed. Where they agree, nothing is touched.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note what else decides what a training does, and leave out what
        cannot be read again: the function that OneCycleLR keeps."""
        checkpoint['meta']['samples_per_iteration'] = _samples(runner)
        states = checkpoint.get('param_schedulers', [])
        for part in states.values() if isinstance(states, dict) else [states]:
            part[:] = [_without_functions(state) for state in part]

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Bring the checkpoint to the schedule of the config.

        That it is one of a training, :class:`CheckpointMatchHook` has seen.

        Raises:
            ValueError: Its optimizer has other groups of parameters, or a
                schedule that follows the scores cannot be moved.
        """
        if not runner._resume:
            return
        meta = checkpoint['meta']
        epochs, iters = meta['epoch'], meta['iter']
        length = len(runner.train_dataloader)
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            epochs, length, position = 0, iters, iters
        else:
            position = epochs * length
        changes = []
        if position != iters:
            changes.append(f'iterations of {epochs} epochs {iters} -> '
                           f'{position}')
        parts = list(_parts(runner, checkpoint))
        for wrapper, schedulers, saved, states in parts:
            changes += _changed_settings(wrapper, schedulers, saved)
            changes += _changed_schedules(schedulers, states)
        if changes:
            for wrapper, schedulers, saved, states in parts:
                _run_up(wrapper.param_groups, schedulers, epochs, length)
                _copy_settings(wrapper, saved)
                states[:] = [each.state_dict() for each in schedulers]
            meta['iter'] = position
            more = len(changes) - _LISTED
            print_log(
                '--resume: the training continues on the schedule of the '
                'config, which is not that of the checkpoint: '
                f'{", ".join(changes[:_LISTED])}'
                f'{f" and {more} more" if more > 0 else ""}. Its curve is not '
                'that of an uninterrupted training', 'current',
                logging.WARNING)
        _warn_of_batches(runner, meta)
        if position >= runner.max_iters:
            print_log(
                f'--resume: nothing is left to train, the checkpoint is at '
                f'iteration {position} of {runner.max_iters}; for more set '
                'train_cfg', 'current', logging.WARNING)


def _samples(runner: Runner) -> list[int]:
    """Samples per process, and number of processes."""
    return [runner.train_dataloader.batch_size or 0, runner.world_size]


def _warn_of_batches(runner: Runner, meta: dict) -> None:
    before = meta.get('samples_per_iteration')
    now = _samples(runner)
    if before is not None and list(before) != now:
        print_log(
            f'--resume: batches of {before[0]} on {before[1]} processes '
            f'became batches of {now[0]} on {now[1]}. The learning rate is '
            'that of the config; --auto-scale-lr fits it to the batch size',
            'current', logging.WARNING)


def _parts(
    runner: Runner, checkpoint: dict
) -> Iterator[tuple[Any, list[_ParamScheduler], dict, list[dict]]]:
    """Optimizer and schedulers, and what is saved of them, for each of the
    optimizers."""
    wrapper, schedulers = runner.optim_wrapper, runner.param_schedulers or []
    saved = checkpoint['optimizer']
    if not isinstance(wrapper, OptimWrapperDict):
        states = checkpoint.setdefault('param_schedulers', [])
        yield wrapper, schedulers, saved, states
        return
    states = checkpoint.setdefault('param_schedulers', {})
    for name, part in wrapper.items():
        yield (part, schedulers[name] if schedulers else [], saved[name],
               states.setdefault(name, []))


def _changed_settings(wrapper: Any, schedulers: Sequence[_ParamScheduler],
                      saved: dict) -> list[str]:
    """What the optimizer of the config has otherwise than the saved one,
    aside from what is scheduled."""
    groups = wrapper.optimizer.param_groups
    if len(groups) != len(saved['param_groups']):
        raise ValueError(
            f'--resume: the optimizer of the config has {len(groups)} groups '
            f'of parameters, that of the checkpoint '
            f'{len(saved["param_groups"])}. Give the paramwise_cfg and the '
            'frozen parts that it was trained with, or start from its '
            'weights, with --cfg-options load_from=FILE')
    aside = {'params', *(each.param_name for each in schedulers)}
    if 'momentum' in aside:  # of Adam it is the first of these
        aside.add('betas')
    found: dict[str, str] = {}
    for group, old in zip(groups, saved['param_groups']):
        for name, value in group.items():
            # versions of torch differ in what a group has
            if name not in aside and name in old and old[name] != value:
                found.setdefault(name, f'{name} {old[name]} -> {value}')
    return list(found.values())


def _changed_schedules(schedulers: Sequence[_ParamScheduler],
                       states: Sequence[dict]) -> list[str]:
    if len(schedulers) != len(states):
        return [f'{len(states)} schedulers -> {len(schedulers)}']
    found = []
    for scheduler, old in zip(schedulers, states):
        if getattr(scheduler, 'need_val_args', False):
            continue
        own = scheduler.state_dict()
        found += [
            f'{name} of {type(scheduler).__name__} {old.get(name)} -> {value}'
            for name, value in _without_functions(own).items()
            if name not in _POSITION and old.get(name) != value
        ]
    return found


def _without_functions(state: dict) -> dict:
    return {
        name: value
        for name, value in state.items() if not callable(value)
    }


def _run_up(groups: Sequence[dict], schedulers: Sequence[_ParamScheduler],
            epochs: int, length: int) -> None:
    """Run fresh schedulers up to an epoch, as a training would.

    Args:
        groups: Those of the optimizer, with their initial values.
        schedulers: Of one optimizer.
        epochs: Number of epochs; 0 for ``length`` iterations.
        length: Iterations of an epoch.
    """
    if any(getattr(each, 'need_val_args', False) for each in schedulers):
        raise ValueError(
            '--resume: a schedule that follows the scores, such as '
            'ReduceOnPlateauLR, cannot be brought to another length, batch '
            'size or learning rate: resume with the config of the '
            'checkpoint, or start from its weights, with --cfg-options '
            'load_from=FILE')
    # groups with equal settings move alike, and there can be hundreds
    plain = [{k: v for k, v in g.items() if k != 'params'} for g in groups]
    kinds = [repr(sorted(group.items())) for group in plain]
    distinct = dict(zip(kinds, plain))
    stand_ins = []
    for scheduler in schedulers:
        stand_in = copy.copy(scheduler)
        initial = f'initial_{scheduler.param_name}'
        stand_in.optimizer = SimpleNamespace(
            param_groups=list(distinct.values()),
            step=scheduler.optimizer.step,
            _global_step=0)
        stand_in.base_values = [g[initial] for g in distinct.values()]
        stand_ins.append(stand_in)
    with warnings.catch_warnings():
        # the optimizer itself does no step
        warnings.simplefilter('ignore')
        for _ in range(max(1, epochs)):
            for _ in range(length):
                for each in stand_ins:
                    if not each.by_epoch:
                        each.step()
            if epochs:
                for each in stand_ins:
                    if each.by_epoch:
                        each.step()
    for group, kind in zip(groups, kinds):
        group.update(distinct[kind])
    for scheduler, stand_in in zip(schedulers, stand_ins):
        state = {
            name: value
            for name, value in stand_in.state_dict().items()
            if name != 'base_values'
        }
        state['_last_value'] = [g[scheduler.param_name] for g in groups]
        scheduler.load_state_dict(state)


def _copy_settings(wrapper: Any, saved: dict) -> None:
    """Give the saved optimizer the settings of the one of the config."""
    for group, old in zip(wrapper.optimizer.param_groups,
                          saved['param_groups']):
        old.update({k: v for k, v in group.items() if k != 'params'})
    if saved.get('base_param_settings') is not None:
        saved['base_param_settings'] = wrapper.base_param_settings
