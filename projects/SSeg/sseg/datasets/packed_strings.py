"""Many strings in two arrays."""
from __future__ import annotations
from collections.abc import Iterable, Sequence

import numpy as np


class PackedStrings:
    """A list of strings that does not grow in forked workers.

    A Python list of millions of strings takes some hundred bytes each, and
    is copied by every worker that counts references to them.

    Args:
        data: uint8, the strings in UTF-8 behind each other.
        ends: int64, where each one ends in ``data``.
    """

    def __init__(self, data: np.ndarray, ends: np.ndarray) -> None:
        self.data = data
        self.ends = ends

    @classmethod
    def pack(cls, strings: Iterable[str]) -> PackedStrings:
        """Pack strings, also file names that are not UTF-8."""
        encoded = [s.encode('utf-8', 'surrogateescape') for s in strings]
        return cls(
            np.frombuffer(b''.join(encoded), np.uint8),
            np.cumsum([len(s) for s in encoded], dtype=np.int64))

    @classmethod
    def join(cls, parts: Sequence[PackedStrings]) -> PackedStrings:
        """Put lists behind each other."""
        starts = np.cumsum([0] + [len(part.data) for part in parts])
        return cls(
            np.concatenate([part.data for part in parts]),
            np.concatenate(
                [part.ends + start for part, start in zip(parts, starts)]))

    def __len__(self) -> int:
        return len(self.ends)

    def raw(self, index: int) -> bytes:
        """One string in UTF-8."""
        start = self.ends[index - 1] if index else 0
        return self.data[start:self.ends[index]].tobytes()

    def __getitem__(self, index: int) -> str:
        """One string, as the file system wants it."""
        return self.raw(index).decode('utf-8', 'surrogateescape')

    def __deepcopy__(self, memo: dict) -> PackedStrings:
        return self  # nothing changes it
