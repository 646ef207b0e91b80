"""Shuffling that reads a few files at a time."""
from __future__ import annotations
from collections.abc import Iterator

import numpy as np
from mmengine.registry import DATA_SAMPLERS

from mmlangseg.engine import EpochSampler
from ..datasets.image_text_dataset import ImageTextDataset


@DATA_SAMPLERS.register_module()
class ShardShuffleSampler(EpochSampler):
    """Shuffle tars, then the pairs within a window of some tars.

    :class:`EpochSampler` jumps over all tars from one pair to the next, which
    disks that spin and networks are slow at. Here the reads of a while fall
    into ``window`` tars, so that the memory of the operating system and a
    read ahead serve. Order and share of each rank are functions of (seed,
    epoch); the ranks take turns in the same order, so that they are disjoint.
    Like there, what is yielded is ``index + epoch * len(dataset)``.

    Args:
        dataset: The pairs.
        window: How many tars are mixed. A batch should be small beside the
            pairs in a window, for it is drawn from them.
        seed: Seed of the order, by default the same random one on all
            processes.
        round_up: See :class:`mmengine.dataset.DefaultSampler`.
    """

    def __init__(self,
                 dataset: ImageTextDataset,
                 window: int = 16,
                 seed: int | None = None,
                 round_up: bool = True) -> None:
        if not hasattr(dataset, 'group_starts'):
            raise TypeError(
                'ShardShuffleSampler needs an ImageTextDataset, but got '
                f'{type(dataset).__name__}: use EpochSampler for it')
        if window < 1:
            raise ValueError(f'window={window} must be at least 1')
        super().__init__(dataset, shuffle=True, seed=seed, round_up=round_up)
        self.window = window

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        edges = np.append(self.dataset.group_starts(), size)
        random = np.random.default_rng((self.seed, self.epoch))
        order = random.permutation(len(edges) - 1)
        indices = np.empty(size, np.int64)
        filled = 0
        for first in range(0, len(order), self.window):
            chosen = np.concatenate([
                np.arange(edges[group], edges[group + 1])
                for group in order[first:first + self.window]
            ])
            random.shuffle(chosen)
            indices[filled:filled + len(chosen)] = chosen
            filled += len(chosen)
        indices = np.resize(indices, self.total_size)  # from the start again
        offset = self.epoch * size
        for index in indices[self.rank::self.world_size]:
            yield offset + int(index)
