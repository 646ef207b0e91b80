"""Random numbers that depend on the sample, not on the worker."""
from __future__ import annotations
import random
from contextlib import contextmanager
from typing import Any, Iterator

import numpy as np
import torch


@contextmanager
def seeded(*keys: int) -> Iterator[None]:
    """Seed Python, NumPy and torch (CPU) for a block, then restore them.

    Args:
        keys: Non-negative integers that together are the seed, for example
            ``(seed, epoch, index)``.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    seed_all(*keys)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def seed_all(*keys: int) -> None:
    """Seed Python, NumPy and torch (CPU) from several integers.

    The integers are mixed, so that near seeds give unrelated streams.
    """
    words = np.random.SeedSequence(keys).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    # torch.manual_seed would seed the GPUs as well
    torch.default_generator.manual_seed(int(words[2]))


class SeededSampleMixin:
    """Make each sample of a dataset a function of (seed, epoch, index).

    The same augmentation comes out for any number of workers and after a
    resume. To be listed before the dataset class::

        class ScanReferDataset(SeededSampleMixin, BaseDataset):

    Together with :class:`EpochSampler`, which asks for the virtual index
    ``index + epoch * len(dataset)``; a plain index means epoch 0.
    ``sample_seed`` is set by :class:`IterationSeedHook` to the seed of the
    run.
    """

    sample_seed: int = 0

    def __getitem__(self, index: int) -> Any:
        epoch, index = divmod(index, len(self))
        if epoch < 0:  # an index counted from the end
            epoch = 0
        with seeded(self.sample_seed, epoch, index):
            return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        # without it iteration would run through the epochs for ever
        return (self[index] for index in range(len(self)))
