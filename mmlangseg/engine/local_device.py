"""The GPU of one of several processes, and when it is lost."""
from __future__ import annotations

import torch

from mmlangseg.cli.sharding import launched


def local_device() -> str:
    """The GPU for this process of torchrun or srun, the CPU where there is
    none. A process may see all GPUs of its machine, or only its own."""
    if not torch.cuda.is_available():
        return 'cpu'
    return f'cuda:{launched()[2] % torch.cuda.device_count()}'


def is_device_fault(error: BaseException) -> bool:
    """Whether an error is not about the data that were worked on.

    After most errors of CUDA every further call fails; and what has not
    enough memory will not have it with the next image either.
    """
    return isinstance(error,
                      torch.OutOfMemoryError) or 'CUDA error' in str(error)
