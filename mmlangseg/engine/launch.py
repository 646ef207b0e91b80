"""What tools/train.py and tools/test.py have in common."""
from __future__ import annotations
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import DATA_SAMPLERS, DATASETS, RUNNERS, Registry
from mmengine.runner import CheckpointLoader, Runner

from mmlangseg.cli.config_keys import read_config
from mmlangseg.cpu.memory import keep_freed_memory
from mmlangseg.text import use_pretrained_encoders
from .checkpoint_check import CheckpointMatchHook
from .innermost_datasets import innermost_datasets
from .model_folder import CONFIG
from .tool_runner import TestRunner, TestToolRunner, ToolRunner


def load_config(path: str | Config,
                *,
                options: dict | None = None,
                work_dir: str | None = None,
                launcher: str = 'none') -> Config:
    """Read a config file and apply the command line to it.

    Args:
        path: The config file, or what has been read of it.
        options: Values of ``--cfg-options``, by dotted key.
        work_dir: Where the run writes; before that of the config, before
            ``work_dirs/<name of the config>``.
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.
    """
    cfg = path if isinstance(path, Config) else read_config(path, options)
    cfg.launcher = launcher
    use_pretrained_encoders(cfg.get('model', {}))
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', _name_of(cfg))
    return cfg


def _name_of(cfg: Config) -> str:
    """Name of a config, or of the folder that a published model is in."""
    path = Path(cfg.filename or 'config').absolute()
    return path.parent.name if path.name == CONFIG else path.stem


def build_runner(cfg: Config,
                 verbose: bool = True,
                 testing: bool = False) -> Runner:
    """Build the runner of a config, on the CPU as well.

    Args:
        cfg: The config.
        verbose: Whether the console shows all that the log file holds, in
            place of what one reads.
        testing: Whether it only tests, so that the config of the training in
            the work folder stays what it is.
    """
    for split in ('train', 'val', 'test'):
        loader = cfg.get(f'{split}_dataloader')
        if isinstance(loader, dict):  # not one that is built already
            _agree_with_loader(loader, f'{split}_dataloader')
    if isinstance(cfg.get('train_dataloader'), dict):
        _number_draws(cfg.train_dataloader, cfg.get('default_scope'))
    _end_warm_up(cfg.get('param_scheduler'))
    scaled = cfg.get('auto_scale_lr', {}).get('enable')
    sentences = _count_sentences(cfg) if scaled else 1
    if get_device() == 'cpu':
        keep_freed_memory()
        _use_gloo(cfg)
        if cfg.launcher == 'pytorch':
            _launch_on_cpu(cfg)
    deterministic = cfg.get('randomness', {}).get('deterministic')
    if deterministic:  # read when cuBLAS starts
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    if 'runner_type' in cfg:
        runner = RUNNERS.build(cfg)
    elif testing:
        runner = (TestRunner if verbose else TestToolRunner).from_cfg(cfg)
    else:
        runner = (Runner if verbose else ToolRunner).from_cfg(cfg)
    if scaled:  # not in `cfg`: the file that is kept of it stays in sentences
        base = runner.auto_scale_lr['base_batch_size'] / sentences
        runner.auto_scale_lr = dict(enable=True, base_batch_size=base)
    if deterministic:
        # MMEngine forbids what is not, such as the cumsum of MMDetection's
        # positional encoding on a GPU
        torch.use_deterministic_algorithms(True, warn_only=True)
    return runner


def check_checkpoint_file(runner: Runner) -> None:
    """Refuse the checkpoint of another model before the data are read.

    MMEngine loads it behind them, and not earlier: hooks such as EMAHook are
    not ready before.

    Args:
        runner: That tests or resumes a checkpoint.

    Raises:
        CheckpointError: See :class:`CheckpointMatchHook`.
    """
    checkpoint = CheckpointLoader.load_checkpoint(
        runner._load_from, 'cpu', logger='silent')
    CheckpointMatchHook().after_load_checkpoint(runner, checkpoint)


def require_gpus_for_sync_bn(cfg: Config) -> None:
    """Refuse to train with synchronized batch norm on CPUs.

    Raises:
        SystemExit: Several processes would begin, and end in an error of
            torch.
    """
    if cfg.launcher == 'none' or get_device() != 'cpu':
        return
    keys = ['sync_bn'] if cfg.get('sync_bn') else []
    keys += _find_sync_bn(cfg.get('model'), 'model')
    if keys:
        raise SystemExit(
            f'error: {cfg.filename}: {keys[0]}: batch norm is synchronized '
            'on GPUs only, and this run would use CPUs. For statistics of '
            'each process: --cfg-options '
            f'{keys[0]}={"None" if keys[0] == "sync_bn" else "BN"}')


def warn_of_idle_keys(model: torch.nn.Module, optim_wrapper: dict) -> None:
    """Name the ``custom_keys`` of an optimizer that meet no parameter, so
    that their rates and decays have no effect."""
    keys = (optim_wrapper.get('paramwise_cfg') or {}).get('custom_keys') or {}
    names = [name for name, _ in model.named_parameters()]
    idle = [key for key in keys if not any(key in name for name in names)]
    if idle:
        print_log(
            f'optim_wrapper.paramwise_cfg.custom_keys: no parameter of the '
            f'model has {idle[0]!r} in its name', 'current', logging.WARNING)


def _find_sync_bn(node: object, path: str) -> list[str]:
    if isinstance(node, dict):
        children: Iterable[tuple] = node.items()
    elif isinstance(node, (list, tuple)):
        children = enumerate(node)
    else:
        found = isinstance(node, str) and node.endswith('SyncBN')
        return [path] if found and path.endswith('.type') else []
    return [
        place for key, child in children
        for place in _find_sync_bn(child, f'{path}.{key}')
    ]


def _agree_with_loader(loader: ConfigDict, key: str) -> None:
    """Let what depends on the size of batches and the number of workers
    follow them, so that one option changes them."""
    if not loader.get('num_workers'):
        loader.persistent_workers = False  # PyTorch refuses it without workers
    sampler = loader.get('sampler')
    # of a sampler that fills each batch from several sources
    size = sampler.get('batch_size') if isinstance(sampler, dict) else None
    if size not in (None, loader.get('batch_size')):
        print_log(
            f'{key}.sampler.batch_size: {size} -> {loader.batch_size}, that '
            'of the loader', 'current')
        sampler.batch_size = loader.batch_size


def _end_warm_up(schedulers: dict | list | None) -> None:
    """Let a warm-up of one step end where it should.

    MMEngine's LinearLR (0.10.7) is at ``end_factor`` in its last step, and at
    ``start_factor`` in its first one. With ``end=1``, by which one would
    switch it off, the rate stays at ``start_factor`` for the whole training.
    """
    if isinstance(schedulers, dict) and 'type' not in schedulers:
        schedulers = list(schedulers.values())  # of several optimizers
    for each in schedulers if isinstance(schedulers, list) else [schedulers]:
        if isinstance(each, list):
            _end_warm_up(each)
        elif isinstance(each, dict) and each.get('type') == 'LinearLR' \
                and each.get('end', 0) - each.get('begin', 0) == 1 \
                and not each.get('convert_to_iter_based'):
            each['start_factor'] = each.get('end_factor', 1.)
            print_log(
                'param_scheduler: a LinearLR of one step has no warm-up, it '
                f'is at its end_factor of {each["start_factor"]}', 'current')


def _number_draws(loader: ConfigDict, scope: str | None) -> None:
    """Let any data set and any sampler make a sample a function of the seed
    and the draw. Those of this package do so by themselves."""
    dataset, sampler = loader.get('dataset'), loader.get('sampler')
    if not (isinstance(dataset, dict) and isinstance(sampler, dict)):
        return  # built already, which IterationSeedHook looks at
    if not _is_virtual(DATASETS, dataset, scope):
        loader.dataset = ConfigDict(type='SeededDataset', dataset=dataset)
    if not _is_virtual(DATA_SAMPLERS, sampler, scope):
        loader.sampler = ConfigDict(type='NumberedSampler', sampler=sampler)


def _is_virtual(registry: Registry, part: dict, scope: str | None) -> bool:
    kind = part.get('type')
    if isinstance(kind, str):
        with registry.switch_scope_and_registry(scope) as own:
            try:
                kind = own.get(kind)
            except RuntimeError:  # unknown, which the runner says better
                return True
    return getattr(kind, 'virtual_indices', False)


def _count_sentences(cfg: Config) -> int:
    """Number of sentences in a sample of the training.

    A sample of LESS is a scene with ``expressions_per_scene`` sentences.
    Configs give ``base_batch_size`` in sentences, which are what counts;
    MMEngine compares it with the number of samples.
    """
    sizes = {
        dataset.get('expressions_per_scene', 1)
        for dataset in innermost_datasets(
            cfg.get('train_dataloader', {}).get('dataset', {}))
    }
    if len(sizes) > 1:
        raise SystemExit(
            'auto_scale_lr needs the same expressions_per_scene in all of '
            f'the training data sets, they have {sorted(sizes)}')
    return sizes.pop()


def _use_gloo(cfg: Config) -> None:
    """NCCL is for GPUs."""
    dist_cfg = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    if dist_cfg.get('backend') == 'nccl':
        dist_cfg['backend'] = 'gloo'


def _launch_on_cpu(cfg: Config) -> None:
    """Let several processes run without a GPU.

    MMEngine (0.10.7) asks for a CUDA device when it starts the process group
    and when it wraps the model.
    """
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    wrapper = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False))
    wrapper.update(cfg.get('model_wrapper_cfg') or {}, device_ids=None)
    cfg.model_wrapper_cfg = wrapper
