"""Worker processes that do not outlive the process that started them."""
from __future__ import annotations
import multiprocessing
import os
import threading


def exit_with_parent() -> None:
    """End this worker process when its parent is gone.

    The initializer of a process pool. A parent that is killed cannot tell
    its workers, which would wait for the next job for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_wait_for, args=(parent, ), daemon=True).start()


def _wait_for(parent) -> None:
    parent.join()
    # No clean-up: a job may be in the middle, and files appear whole or not.
    os._exit(1)
