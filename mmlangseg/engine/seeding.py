"""Random numbers that depend on the sample, not on the worker."""
from __future__ import annotations
import random
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Iterator

import numpy as np
import torch

# Whether a data set further out has seeded the sample that is being read.
_seeded_outside: ContextVar[bool] = ContextVar('seeded', default=False)


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

    Together with a sampler that asks for the virtual index ``index + epoch *
    len(dataset)``: :class:`EpochSampler` and its kind, or any other one in a
    :class:`NumberedSampler`. A plain index means epoch 0. ``sample_seed`` is
    the seed of the run, from the sampler or :class:`IterationSeedHook`.

    A wrapper, such as MMEngine's ``RepeatDataset``, takes plain indices and
    has its own: :class:`SeededDataset` around it seeds the samples, and what
    is inside draws from that.
    """

    sample_seed: int = 0
    virtual_indices = True

    def __getitem__(self, index: int) -> Any:
        if _seeded_outside.get():
            return super().__getitem__(index)
        epoch, index = divmod(index, len(self))
        if epoch < 0:  # an index counted from the end
            epoch = 0
        with seeded(self.sample_seed, epoch, index):
            token = _seeded_outside.set(True)
            try:
                return super().__getitem__(index)
            finally:
                _seeded_outside.reset(token)

    def __iter__(self) -> Iterator[Any]:
        # without it iteration would run through the epochs for ever
        return (self[index] for index in range(len(self)))
