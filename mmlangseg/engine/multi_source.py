"""Batches from several data sets in fixed shares."""
from __future__ import annotations
from collections.abc import Iterator

import numpy as np
import torch
from mmengine.dataset import ConcatDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS, DATASETS
from torch.utils.data import Sampler

from .seeding import SeededSampleMixin


@DATASETS.register_module()
class MultiSourceDataset(ConcatDataset):
    """Several data sets behind each other, each with its own epochs.

    Takes the virtual indices of :class:`MultiSourceEpochSampler`: ``index +
    epoch * len(self)``, where the epoch is that of the source, and hands
    epoch and seed on to it.

    Args:
        sources: Configs of data sets, or data sets, with
            :class:`SeededSampleMixin`, by name: a config that inherits
            another one can then change one of them.
        lazy_init: See :class:`mmengine.dataset.ConcatDataset`.
    """

    virtual_indices = True

    def __init__(self,
                 sources: dict[str, dict | SeededSampleMixin],
                 lazy_init: bool = False) -> None:
        super().__init__(list(sources.values()), lazy_init=lazy_init)
        self.names = list(sources)
        for name, dataset in zip(sources, self.datasets):
            if not isinstance(dataset, SeededSampleMixin):
                raise TypeError(
                    f'source {name!r} has no SeededSampleMixin: '
                    f"{type(dataset)}. Put dict(type='SeededDataset', "
                    'dataset=...) around it')

    @property
    def sample_seed(self) -> int:
        """Seed of the first source; those behind it count on from there, so
        that equal indices of two sources do not draw equal numbers."""
        return self.datasets[0].sample_seed

    @sample_seed.setter
    def sample_seed(self, seed: int) -> None:
        for number, dataset in enumerate(self.datasets):
            dataset.sample_seed = seed + number

    def __getitem__(self, index: int) -> dict:
        epoch, index = divmod(index, len(self))
        source, index = self._get_ori_dataset_idx(index)
        dataset = self.datasets[source]
        return dataset[index + epoch * len(dataset)]


@DATA_SAMPLERS.register_module()
class MultiSourceEpochSampler(Sampler):
    """Fill every batch from several sources, in fixed shares.

    Each source is walked through in its own random order, drawn anew
    whenever it is exhausted, for as long as it takes: a small source is seen
    more often than a large one. What a batch holds is a function of (seed,
    epoch, number of the batch), so that a resumed run continues at once with
    the batches of the uninterrupted one.

    Args:
        dataset: :class:`MultiSourceDataset`.
        batch_size: Samples per batch and process; equal to that of the data
            loader.
        ratio: Share of every source by name, for example ``dict(labelled=1,
            unlabelled=1)``; the first takes what is left over by rounding.
        batches_per_epoch: Length of an epoch. By default the source that
            takes longest is seen once.
        seed: Seed of the order, by default the same random one on all
            processes.
    """

    virtual_indices = True

    def __init__(self,
                 dataset: MultiSourceDataset,
                 batch_size: int,
                 ratio: dict[str, float],
                 batches_per_epoch: int | None = None,
                 seed: int | None = None) -> None:
        if not isinstance(dataset, MultiSourceDataset):
            raise TypeError('MultiSourceEpochSampler needs a '
                            f'MultiSourceDataset, not {type(dataset)}')
        if set(ratio) != set(dataset.names):
            raise ValueError(f'ratio={dict(ratio)} must name the sources '
                             f'{dataset.names}')
        sizes = [len(source) for source in dataset.datasets]
        shares = [
            int(batch_size * ratio[name] / sum(ratio.values()))
            for name in dataset.names
        ]
        shares[0] = batch_size - sum(shares[1:])
        if min(shares) < 1:
            raise ValueError(
                f'every source needs samples in a batch: batch_size='
                f'{batch_size} with ratio={dict(ratio)} gives {shares}')
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.sizes = sizes
        self.shares = shares
        self.batches = batches_per_epoch or max(
            -(-size // (share * self.world_size))
            for size, share in zip(sizes, shares))
        self.seed = sync_random_seed() if seed is None else seed
        if seed is not None:  # now: workers may start ahead of the training
            dataset.sample_seed = seed
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.batches
        sources = [
            self._source(number, first) for number in range(len(self.sizes))
        ]
        for _ in range(self.batches):
            for source, share in zip(sources, self.shares):
                for _ in range(share):
                    yield next(source)

    def _source(self, number: int, first: int) -> Iterator[int]:
        """Virtual indices of this process from batch ``first`` on."""
        size, share = self.sizes[number], self.shares[number]
        offset = sum(self.sizes[:number])
        generator, drawn = torch.Generator(), None
        order: list[int] = []
        batch = first
        while True:
            start = (batch * self.world_size + self.rank) * share
            for draw in range(start, start + share):
                cycle, place = divmod(draw, size)
                if cycle != drawn:
                    words = np.random.SeedSequence((self.seed, number, cycle))
                    generator.manual_seed(int(words.generate_state(1)[0]))
                    order = torch.randperm(size, generator=generator).tolist()
                    drawn = cycle
                yield order[place] + offset + cycle * len(self.dataset)
            batch += 1

    def __len__(self) -> int:
        return self.batches * sum(self.shares)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from which the draws are counted."""
        self.epoch = epoch
