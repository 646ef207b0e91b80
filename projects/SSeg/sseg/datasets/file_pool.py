"""Reading pieces of many large files."""
from __future__ import annotations
import os
import threading
from collections import OrderedDict
from collections.abc import Callable

Stamp = tuple[int, int]


def file_stamp(path: str | os.PathLike | int) -> Stamp:
    """Size in bytes and time of the last change in ns of a file."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def check_stamp(path: str, stamp: Stamp, handle: int) -> None:
    """Check that a file that is opened is the one of a stamp.

    Raises:
        RuntimeError: It has changed since the stamp was taken.
    """
    if file_stamp(handle) != stamp:
        raise RuntimeError(f'{path} has changed since its index was read. '
                           'Start again, which indexes it anew')


class FilePool:
    """Keeps the files open that were read last.

    A process may have few files open, and several data sets at once: all its
    pools together keep :attr:`limit` of them. Threads may share a pool, and
    so may forked processes, since reading does not move a position in the
    file; a pickled pool starts without open files.

    Attributes:
        limit (int): How many files stay open at most, per process.
    """

    limit = 256
    # of all pools, the one that was read last at the end
    _open: OrderedDict[tuple[int, str], int] = OrderedDict()
    # reentrant: the garbage collector may delete a pool at any time
    _lock = threading.RLock()

    def read(self,
             path: str,
             offset: int,
             size: int,
             check: Callable[[int], None] | None = None) -> bytes:
        """Read ``size`` bytes from ``offset`` on; fewer at the end.

        Args:
            path: The file.
            offset: First byte.
            size: Number of bytes.
            check: Called with the descriptor whenever the file is opened;
                raises if it must not be read.

        Raises:
            OSError: The file cannot be read.
        """
        with self._lock:
            return os.pread(self._handle(path, check), size, offset)

    def _handle(self, path: str, check: None | (Callable[[int], None])) -> int:
        files, key = self._open, (id(self), path)
        if key in files:
            files.move_to_end(key)
            return files[key]
        while len(files) >= self.limit:
            os.close(files.popitem(last=False)[1])
        handle = os.open(path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0))
        try:
            if check is not None:
                check(handle)
        except BaseException:
            os.close(handle)
            raise
        files[key] = handle
        return handle

    def close(self, path: str | None = None) -> None:
        """Close a file, or all files; reading opens them again."""
        with self._lock:
            for key in list(self._open):
                if key[0] == id(self) and path in (None, key[1]):
                    os.close(self._open.pop(key))

    def __del__(self) -> None:
        self.close()
