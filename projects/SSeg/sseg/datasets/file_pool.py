"""Reading pieces of many large files."""
from __future__ import annotations
import os
from collections import OrderedDict
from typing import Optional

Stamp = tuple[int, int]


def file_stamp(path: str | int) -> Stamp:
    """Size in bytes and time of the last change in ns of a file."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


class FilePool:
    """Keeps the files open that were read last.

    Forked processes may share it, since reading does not move a position in
    the file; a pickled one starts without open files.

    Args:
        limit: How many files stay open at most, per process.
    """

    def __init__(self, limit: int = 256) -> None:
        if limit < 1:
            raise ValueError(f'limit={limit} must be at least 1')
        self.limit = limit
        self._open: OrderedDict[str, int] = OrderedDict()

    def read(self,
             path: str,
             offset: int,
             size: int,
             *,
             stamp: Optional[Stamp] = None) -> bytes:
        """Read ``size`` bytes from ``offset`` on; fewer at the end.

        Args:
            path: The file.
            offset: First byte.
            size: Number of bytes.
            stamp: :func:`file_stamp` that the file must have when it is
                opened.

        Raises:
            OSError: The file cannot be read.
            RuntimeError: It has changed since the stamp was taken.
        """
        return os.pread(self._handle(path, stamp), size, offset)

    def _handle(self, path: str, stamp: Optional[Stamp]) -> int:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        handle = os.open(path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0))
        if stamp is not None and file_stamp(handle) != stamp:
            os.close(handle)
            raise RuntimeError(f'{path} has changed since its index was read. '
                               'Start again, which indexes it anew')
        while len(self._open) >= self.limit:
            os.close(self._open.popitem(last=False)[1])
        self._open[path] = handle
        return handle

    def close(self) -> None:
        """Close all files; reading opens them again."""
        while self._open:
            os.close(self._open.popitem()[1])

    def __getstate__(self) -> dict:
        return dict(limit=self.limit)

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)

    def __del__(self) -> None:
        if hasattr(self, '_open'):
            self.close()
