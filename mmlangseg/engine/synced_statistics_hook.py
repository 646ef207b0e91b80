"""One set of statistics of batch norm, in all processes and in checkpoints."""
from __future__ import annotations

from mmengine.dist import all_reduce_params
from mmengine.hooks import CheckpointHook, SyncBuffersHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class SyncedStatisticsHook(SyncBuffersHook):
    """MMEngine's SyncBuffersHook, also before iterations are saved.

    MMEngine (0.10.7) averages the statistics behind an epoch and before a
    validation. A training that counts iterations saves its checkpoint ahead
    of the validation, with the statistics of its first process: the scores
    were not those of the checkpoint, and the other processes went on with its
    statistics when the training was resumed.
    """

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Average the buffers of all processes if a checkpoint is due."""
        if self.distributed and any(
                _saves(hook, runner)
                for hook in runner.hooks if isinstance(hook, CheckpointHook)):
            all_reduce_params(runner.model.buffers(), op='mean')


def _saves(hook: CheckpointHook, runner: Runner) -> bool:
    """Whether the hook, which comes later, saves behind this iteration."""
    if hook.by_epoch:
        return False
    return hook.every_n_train_iters(
        runner, hook.interval,
        hook.save_begin) or (hook.save_last
                             and hook.is_last_train_iter(runner))
