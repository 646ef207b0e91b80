"""Reporting how many pairs could not be used."""
from __future__ import annotations
import logging

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..datasets.broken_pairs import PARTS


@HOOKS.register_module()
class BrokenPairsHook(Hook):
    """Log after each epoch how many broken pairs were replaced in it.

    Every process of a training counts for itself, and only the first one
    writes to the log; these are the counts of all. A pair counts each time it
    is met. Other data sets than :class:`ImageTextDataset` have no such pairs.
    """

    def before_train(self, runner: Runner) -> None:
        """Begin to count."""
        self._before = self._counts(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the counts of the epoch."""
        now = self._counts(runner)
        counts, self._before = now - self._before, now
        all_reduce(counts)
        total = int(counts.sum())
        parts = ', '.join(f'{n} by {part}'
                          for part, n in zip(PARTS, counts.tolist()))
        runner.logger.log(
            logging.WARNING if total else logging.INFO,
            f'Epoch {runner.epoch + 1}: {total} broken pairs were replaced '
            f'({parts})')

    @staticmethod
    def _counts(runner: Runner) -> torch.Tensor:
        dataset = runner.train_dataloader.dataset
        while not hasattr(dataset, 'broken') and hasattr(dataset, 'dataset'):
            dataset = dataset.dataset  # of RepeatDataset and the like
        counts = dataset.broken.counts() if hasattr(dataset, 'broken') else {}
        return torch.tensor([counts.get(part, 0) for part in PARTS])
