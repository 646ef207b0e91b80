from __future__ import annotations
import ctypes
import platform

# Parameters of mallopt in glibc's <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_NEVER = 2**31 - 1  # bytes: the largest value that mallopt takes


def keep_freed_memory() -> bool:
    """Let the process keep the memory of freed tensors for the next ones.

    glibc returns every block above 32 MB to the system and asks for it again
    at the next step; on a CPU, clearing those pages took a third of a
    training step of LESS with several sentences. The price is that the
    process stays at its peak size.

    Returns:
        bool: Whether the C library was told so; others than glibc are not.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(
        mallopt(_M_MMAP_THRESHOLD, _NEVER)
        and mallopt(_M_TRIM_THRESHOLD, _NEVER))
