"""What a run is about, in a few lines at its start."""
from __future__ import annotations
import os
from collections.abc import Iterator

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class RunSummaryHook(Hook):
    """Log the size of the model, the device and the sizes of the data."""

    def before_run(self, runner: Runner) -> None:
        """Say what was built."""
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
        count = sum(size for size, _ in sizes)
        trained = sum(size for size, wanted in sizes if wanted)
        runner.logger.info(f'{type(model).__name__}: {count:,} parameters, '
                           f'{trained:,} of them trainable, on '
                           f'{_device(model)}')
        for line in _data(runner):
            runner.logger.info(line)
        runner.logger.info(
            f'results and checkpoints go to {os.path.relpath(runner.work_dir)}'
        )


def _device(model: torch.nn.Module) -> str:
    device = next(model.parameters(), torch.empty(0)).device
    name = str(device)
    if device.type == 'cuda':
        name = f'{device} ({torch.cuda.get_device_name(device)})'
    elif device.type == 'cpu':
        name = f'the CPU with {torch.get_num_threads()} threads'
    processes = get_world_size()
    return name if processes == 1 else f'{name}, {processes} processes'


def _data(runner: Runner) -> Iterator[str]:
    """A line for each data set that is built already."""
    for split in ('train', 'val', 'test'):
        # the property would build a loop that this run has no use for
        loop = getattr(runner, f'_{split}_loop')
        loader = getattr(loop, 'dataloader', None)
        if loader is not None:
            dataset = loader.dataset
            yield (f'{split}: {len(dataset)} samples of '
                   f'{type(dataset).__name__}, batches of '
                   f'{loader.batch_size or "several sizes"}')
