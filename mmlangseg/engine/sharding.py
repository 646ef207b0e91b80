"""Sharing work among processes that do not talk to each other."""
from __future__ import annotations
import os

_LAUNCHERS = (('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
              ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'))


def launched() -> tuple[int, int, int]:
    """Rank, number of processes and local rank by torchrun or slurm; 0, 1, 0
    for a single process."""
    for names in _LAUNCHERS:
        if names[0] in os.environ and names[1] in os.environ:
            return tuple(int(os.environ.get(name, 0)) for name in names)
    return 0, 1, 0
