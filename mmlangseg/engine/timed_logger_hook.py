"""Progress of validation and test in time, not in iterations alone."""
from __future__ import annotations
import time

from mmengine.hooks import LoggerHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class TimedLoggerHook(LoggerHook):
    """A LoggerHook that does not fall silent in validation and test.

    Their iterations take from milliseconds to a minute, with pictures drawn
    in between; so a line, with the time left, is due when ``seconds`` have
    passed since the last one as well. The lines of the training, from which
    curves are made, come every ``interval`` iterations only.

    Args:
        seconds: Longest silence, to the end of an iteration.
        **kwargs: Of :class:`mmengine.hooks.LoggerHook`.
    """

    def __init__(self, seconds: float = 15., **kwargs) -> None:
        super().__init__(**kwargs)
        self.seconds = seconds
        self._logged: float | None = None  # None while training

    def before_val_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self._logged = time.monotonic()

    def before_test_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self._logged = time.monotonic()

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """A validation is over."""
        self._logged = None

    def every_n_inner_iters(self, batch_idx: int, n: int) -> bool:
        """Whether a line is due."""
        due = super().every_n_inner_iters(batch_idx, n)
        if self._logged is None:
            return due
        due = due or time.monotonic() - self._logged >= self.seconds
        if due:
            self._logged = time.monotonic()
        return due
