"""Counting and reporting the pairs that cannot be used."""
from __future__ import annotations
import logging

import torch
from mmengine.logging import print_log
from torch.utils.data import get_worker_info

from .pair_source import BrokenPairError

PARTS = ('image', 'caption')
_MAX_WORKERS = 256


class BrokenPairs:
    """Counts broken pairs over the workers of a data loader.

    The first ones are reported by name, then the counts whenever they have
    grown tenfold. Counts are of this process and its workers; a pair counts
    each time it is met.

    Args:
        named: How many are reported by name.
    """

    def __init__(self, named: int = 5) -> None:
        self.named = named
        # One row per worker, so that none has to wait for another.
        self._counts = torch.zeros(
            _MAX_WORKERS, len(PARTS), dtype=torch.int64).share_memory_()

    def add(self, error: BrokenPairError) -> None:
        """Count a pair, and report it if it is among the first."""
        worker = get_worker_info()
        row = 0 if worker is None else 1 + worker.id % (_MAX_WORKERS - 1)
        self._counts[row, PARTS.index(error.part)] += 1
        counts = self.counts()
        total = sum(counts.values())
        text = ''
        if total <= self.named:
            text = f'A broken pair is replaced by another one: {error}'
        elif total >= 10 and set(str(total)[1:]) == {'0'} \
                and str(total)[0] == '1':
            parts = ', '.join(f'{n} by {part}' for part, n in counts.items())
            text = (f'{total} broken pairs were replaced so far ({parts}); '
                    f'the last: {error}')
        if text:
            print_log(text, logger='current', level=logging.WARNING)

    def counts(self) -> dict[str, int]:
        """Broken pairs met so far, by what is broken."""
        return dict(zip(PARTS, self._counts.sum(0).tolist()))

    def __deepcopy__(self, memo: dict) -> BrokenPairs:
        return self  # the parts of a data set count together
