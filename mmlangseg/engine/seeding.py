"""Random numbers that depend on the sample, not on the worker."""
from __future__ import annotations
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:  # the mixin stands before a dataset, whose methods it calls
    from torch.utils.data import Dataset as _Mixed
else:
    _Mixed = object

# Epoch of the sample that is being read; None where none has been seeded.
_epoch: ContextVar[int | None] = ContextVar('epoch', default=None)
_DRAWS = 2**32  # more than a training has epochs


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


def number_draw(epoch: int, draw: int) -> int:
    """What stands for the epoch in the virtual index of a sample that may be
    drawn several times in one.

    Args:
        epoch: The epoch, that is, which pass over the data.
        draw: A number that no other draw of the sample has.
    """
    return epoch + draw * _DRAWS


class SeededSampleMixin(_Mixed):
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
    is inside draws from that, and reads the epoch from ``sample_epoch``.
    """

    sample_seed: int = 0
    virtual_indices = True

    @property
    def sample_epoch(self) -> int:
        """Epoch of the sample that is being read, 0 in between.

        The same for all samples of a pass over the data, for what is dealt
        out among them.
        """
        return _epoch.get() or 0

    def __getitem__(self, index: int) -> Any:
        if _epoch.get() is not None:  # seeded further out
            return super().__getitem__(index)
        draw, index = divmod(index, len(self))
        if draw < 0:  # an index counted from the end
            draw = 0
        with seeded(self.sample_seed, draw, index):
            token = _epoch.set(draw % _DRAWS)
            try:
                return super().__getitem__(index)
            finally:
                _epoch.reset(token)

    def __iter__(self) -> Iterator[Any]:
        # without it iteration would run through the epochs for ever
        return (self[index] for index in range(len(self)))
