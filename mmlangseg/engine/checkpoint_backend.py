"""Checkpoints that survive a kill at any moment."""
from __future__ import annotations
import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmlangseg.io.files import stale_temporaries, write_bytes


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """Local files, written whole or not at all, removed only when replaced.

    For ``CheckpointHook``::

        checkpoint=dict(type='CheckpointHook', max_keep_ckpts=1,
                        backend_args=dict(backend='atomic'))

    MMEngine writes a checkpoint in place, and deletes the one it supersedes
    *before* that: a run killed in between is left with none. Here a file is
    written beside its target and renamed, and files that were removed go
    only after the next file is complete.
    """

    # of all instances: MMEngine makes one to remove and another one to write
    _superseded: set[str] = set()

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``filepath`` whole, then delete what was superseded."""
        path = os.path.abspath(filepath)
        for leftover in stale_temporaries(path):  # of a killed run
            leftover.unlink(missing_ok=True)
        write_bytes(path, obj)
        self._superseded.discard(path)
        for old in self._superseded:
            Path(old).unlink(missing_ok=True)
        self._superseded.clear()

    def remove(self, filepath: str | Path) -> None:
        """Delete ``filepath`` once the next file has been written."""
        self._superseded.add(os.path.abspath(filepath))
