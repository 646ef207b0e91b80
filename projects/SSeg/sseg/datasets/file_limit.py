"""How many files a process may have open."""
from __future__ import annotations

try:
    import resource
except ImportError:
    # Windows has no such limit
    resource = None  # type: ignore[assignment]

_WANTED = 1 << 16


def raise_file_limit() -> None:
    """Let this process, and those it starts, open as many files as it may.

    The tensors of every sample on the way from a worker are an open file, so
    that the usual 1,024 are soon too few. The system's hard limit stays.
    """
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    wanted = _WANTED if hard == infinite else min(hard, _WANTED)
    if soft == infinite or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        pass  # macOS may allow less than it says
