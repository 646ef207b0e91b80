"""Sharing work among processes that do not talk to each other."""
from __future__ import annotations
import os

# SLURM_PROCID and SLURM_NTASKS are also set for a script of sbatch, which is
# one process; SLURM_STEP_NUM_TASKS comes from srun.
_LAUNCHERS = (('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
              ('SLURM_PROCID', 'SLURM_STEP_NUM_TASKS', 'SLURM_LOCALID'))


def launched() -> tuple[int, int, int]:
    """Rank, number of processes and local rank by torchrun or srun; 0, 1, 0
    for a single process."""
    for names in _LAUNCHERS:
        if names[0] in os.environ and names[1] in os.environ:
            rank, number, local = (
                int(os.environ.get(name, 0)) for name in names)
            return rank, number, local
    return 0, 1, 0


def exit_code(failed: bool) -> int:
    """Exit status of a process whose work failed in part.

    1, but 0 under torchrun, which ends all other processes when one fails.
    """
    return int(failed and 'TORCHELASTIC_RUN_ID' not in os.environ)
