"""Validating what an interruption has left out."""
from __future__ import annotations
from pathlib import Path

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner

from mmlangseg.io.files import read_text, write_text


@HOOKS.register_module()
class MissedValidationHook(Hook):
    """Make up for the validation in which a training was interrupted.

    MMEngine (0.10.7) saves a checkpoint, validates it, and when resumed goes
    on behind both. Interrupted in between, a training would never have the
    scores of that epoch, its weights could not become the best ones, and
    behind the last epoch ``--resume`` would find nothing left to do.

    Here a resumed training begins with the validation of its checkpoint,
    unless the file ``last_validation`` in its folder says that this was the
    last thing it did.
    """

    # behind CheckpointHook, which has to know the best checkpoint
    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Validate the checkpoint that a training resumes, if that is due."""
        if not runner._resume:
            if is_main_process():  # of another training in this folder
                _file(runner).unlink(missing_ok=True)
        elif _is_due(runner) and not _was_done(runner):
            print_log(
                '--resume: the training was interrupted before it had '
                'validated its checkpoint, which comes first', 'current')
            runner.val_loop.run()

    def after_val(self, runner: Runner) -> None:
        """Note that there are scores, and that hooks have looked at them."""
        if is_main_process():
            write_text(_file(runner), str(runner.iter))


def _file(runner: Runner) -> Path:
    return Path(runner.work_dir) / 'last_validation'


def _is_due(runner: Runner) -> bool:
    """Whether the loop would validate behind the step that it is at."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    loop._decide_current_val_interval()
    step, last = (loop.iter, loop.max_iters) if isinstance(
        loop, IterBasedTrainLoop) else (loop.epoch, loop.max_epochs)
    return 0 < step <= last and step >= loop.val_begin and (
        step % loop.val_interval == 0 or step == last)


def _was_done(runner: Runner) -> bool:
    """Whether the file says so, to the main process: others may be on another
    machine."""
    done = [False]
    if is_main_process():
        try:
            done = [read_text(_file(runner)) == str(runner.iter)]
        except (FileNotFoundError, ValueError):
            pass
    broadcast_object_list(done)
    return done[0]
