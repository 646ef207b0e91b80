"""Ending a training that does not improve any more."""
from __future__ import annotations
from math import isfinite

from mmengine.hooks import EarlyStoppingHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class PatienceHook(EarlyStoppingHook):
    """Stop after so many validations in a row without an improvement.

    ``EarlyStoppingHook`` of MMEngine (0.10.7) takes a score that equals the
    best one for an improvement, so that a run that has collapsed never ends;
    and it begins to count anew when a run is resumed. Here a validation
    counts unless its score is better than the best one by more than
    ``min_delta``: a constant score does, and one that is not a number. The
    count goes on after ``--resume``, but for a validation between the
    checkpoint and the interruption.

    Args:
        monitor: Name of the score.
        min_delta: By how much a score must be better.
        patience: Number of validations.
        strict: Whether a score that is not there is an error, by default.
        check_finite: Whether to end at once where the score is not finite;
            by default such a validation is counted.
        kwargs: See :class:`mmengine.hooks.EarlyStoppingHook`.
    """

    def __init__(self,
                 monitor: str,
                 min_delta: float = 0.,
                 patience: int = 5,
                 strict: bool = True,
                 check_finite: bool = False,
                 **kwargs) -> None:
        super().__init__(
            monitor,
            min_delta=min_delta,
            patience=patience,
            strict=strict,
            check_finite=check_finite,
            **kwargs)

    def _check_stop_condition(self, current_score: float) -> tuple[bool, str]:
        better = self.rule_map[self.rule]
        improved = better(current_score, self.best_score + self.min_delta)
        reached = self.stopping_threshold is not None and better(
            current_score, self.stopping_threshold)
        broken = self.check_finite and not isfinite(current_score)
        if improved or reached or broken:
            return super()._check_stop_condition(current_score)
        self.wait_count += 1
        return self.wait_count >= self.patience, (
            f'{self.monitor} has not improved in the last {self.wait_count} '
            f'validations, the best was {self.best_score:.3f}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the count."""
        checkpoint['patience'] = dict(
            best_score=self.best_score, wait_count=self.wait_count)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on counting, in a run that is resumed."""
        if runner._resume and 'patience' in checkpoint:
            self.best_score = checkpoint['patience']['best_score']
            self.wait_count = checkpoint['patience']['wait_count']
