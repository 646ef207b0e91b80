"""Train a model from a config file."""
from __future__ import annotations
import argparse
import inspect
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.command_line import check_checkpoint, check_launcher
from mmlangseg.cli.config_path import check_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints, by default that of the config '
        'or work_dirs/<name of the config>')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from this checkpoint; without a value from the newest '
        'one in the work folder, if there is one')
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the real batch size')
    add_cfg_options(parser, 'train_cfg.max_epochs=3 or "key=[a b, c]"')
    parser.add_argument(
        '--verbose',
        action='store_true',
        help='show all that the log file holds: environment, config, hooks, '
        'deprecations')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how several processes are started')
    parser.add_argument(
        '--local-rank',
        '--local_rank',
        type=int,
        default=0,
        help='set by torch.distributed.launch')
    args = parser.parse_args()
    args.config = check_config(parser, args.config)
    check_launcher(parser, args.launcher, 'tools/dist_train.sh')
    if args.resume not in (None, 'auto'):
        args.resume = check_checkpoint(parser, '--resume: checkpoint',
                                       args.resume)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

from mmlangseg.cli.console import hold_warnings, show_held_warnings

if __name__ == '__main__':  # before the libraries warn on import
    hold_warnings()

from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, DefaultScope

from mmlangseg.compat.loading import (repair_checkpoint_loading,
                                      require_readable)
from mmlangseg.engine import (CheckpointError, find_resume_checkpoint,
                              watch_load_from, watch_pretrained)
from mmlangseg.engine.launch import (build_runner, check_checkpoint_file,
                                     load_config, require_gpus_for_sync_bn,
                                     warn_of_idle_keys)
from mmlangseg.engine.required_inputs import require_inputs
from mmlangseg.text import use_saved_words


def enable_amp(cfg: Config) -> None:
    """Replace the optimizer wrapper, or every one of several, by its AMP
    version."""
    if get_device() == 'cpu':
        raise SystemExit('--amp needs a GPU, this run would use the CPU')
    wrapper = cfg.optim_wrapper
    single = 'optimizer' in wrapper or 'type' in wrapper
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        if single:
            _use_amp(wrapper, 'optim_wrapper')
            return
        for name, part in wrapper.items():
            if isinstance(part, dict):
                _use_amp(part, f'optim_wrapper.{name}')


def _use_amp(wrapper: ConfigDict, key: str) -> None:
    kind = wrapper.get('type', OptimWrapper)
    cls = kind if inspect.isclass(kind) else OPTIM_WRAPPERS.get(kind)
    if cls is None:
        raise SystemExit(f'{key}.type={kind!r} is not a registered optimizer '
                         'wrapper')
    if issubclass(cls, AmpOptimWrapper):
        print_log(f'--amp: {key} uses mixed precision already', 'current')
    elif cls is OptimWrapper:
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
    else:
        raise SystemExit(
            f'--amp cannot turn {key}.type={cls.__name__} into mixed '
            'precision: name a subclass of AmpOptimWrapper in the config')


def enable_auto_scale_lr(cfg: Config) -> None:
    """Switch on the scaling of the learning rate."""
    if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
        raise SystemExit(
            '--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=N) in '
            'the config, N being the batch size its learning rate is for')
    cfg.auto_scale_lr.enable = True


def set_resume(cfg: Config, resume: str) -> None:
    """Choose the checkpoint to continue from."""
    checkpoint = resume
    if resume == 'auto':
        checkpoint = find_resume_checkpoint(cfg.work_dir) or ''
        if not checkpoint:
            print_log(
                f'--resume: no checkpoint in {cfg.work_dir}, the training '
                'starts from the beginning', 'current')
            cfg.resume = False
            return
    cfg.resume = True
    cfg.load_from = checkpoint
    use_saved_words(cfg.get('model', {}), checkpoint)
    cfg.custom_hooks = [
        *cfg.get('custom_hooks', []),
        dict(type='CheckpointMatchHook')
    ]


def main() -> None:
    args = parse_args()
    if args.verbose:
        show_held_warnings()
    repair_checkpoint_loading()
    cfg = load_config(
        args.config,
        options=args.cfg_options,
        work_dir=args.work_dir,
        launcher=args.launcher)
    if args.amp:
        enable_amp(cfg)
    if args.auto_scale_lr:
        enable_auto_scale_lr(cfg)
    resume = args.resume
    if resume is None and cfg.get('resume'):  # by the config or an option
        resume = cfg.get('load_from') or 'auto'
    if resume is not None:
        set_resume(cfg, resume)
    cfg.custom_hooks = [
        *cfg.get('custom_hooks', []),
        dict(type='ResumeScheduleHook'),
        dict(type='MissedValidationHook')
    ]
    require_inputs(cfg, ('train', 'val'))
    require_gpus_for_sync_bn(cfg)
    require_readable(cfg.get('load_from'))  # it is read behind the data
    runner = build_runner(cfg, verbose=args.verbose)
    if cfg.get('resume'):
        check_checkpoint_file(runner)  # before the data are read
    warn_of_idle_keys(runner.model, cfg.get('optim_wrapper') or {})
    watch_pretrained(runner.model)
    if cfg.get('load_from') and not cfg.get('resume'):
        watch_load_from(runner.model, cfg.load_from)
    try:
        runner.train()
    except CheckpointError as error:  # of a model that loads it in its way
        if cfg.get('load_from') and cfg.load_from not in str(error):
            raise CheckpointError(
                f'load_from={cfg.load_from}: {error}') from None
        raise


if __name__ == '__main__':
    try:
        main()
    except CheckpointError as error:
        raise SystemExit(f'error: {error}') from None
