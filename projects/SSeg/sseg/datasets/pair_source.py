"""Where image-caption pairs come from."""
from __future__ import annotations
from abc import ABCMeta, abstractmethod

import numpy as np
from mmengine.registry import Registry

# The scope is that of the configs, where MMEngine looks without a warning.
PAIR_SOURCES = Registry(
    'pair source', scope='mmseg', locations=['mmlangseg.sseg.datasets'])
_CHUNK = 10000


class BrokenPairError(ValueError):
    """A pair cannot be used; another one takes its place.

    Args:
        key: Name of the pair.
        part: What is broken: ``'image'`` or ``'caption'``.
        reason: Why.
    """

    def __init__(self, key: str, part: str, reason: str) -> None:
        super().__init__(f'{key}: {part} {reason}')
        self.part = part

    def __reduce__(self):  # it has other arguments than its message
        return _restore, (self.args, self.part)


def _restore(args: tuple, part: str) -> BrokenPairError:
    error = BrokenPairError('', part, '')
    error.args = args
    return error


class PairSource(metaclass=ABCMeta):
    """A numbered list of image-caption pairs on disk.

    Subclasses are registered in ``PAIR_SOURCES``. After :meth:`load` nothing
    changes, and memory must be held in arrays, for there may be millions of
    pairs and many workers.
    """

    @abstractmethod
    def load(self) -> str:
        """Find out what pairs there are.

        Returns:
            str: One line that says what was found, for the log.
        """

    @abstractmethod
    def __len__(self) -> int:
        """Number of pairs, after :meth:`load`."""

    @abstractmethod
    def read(self, index: int) -> dict:
        """Read a pair.

        Returns:
            dict: ``text`` (str), ``key`` (str), and ``img_bytes`` (bytes,
            the encoded image) or ``img_path`` (str).

        Raises:
            BrokenPairError: The pair cannot be used.
        """

    def group_starts(self) -> np.ndarray:
        """Where runs of pairs begin that lie beside each other on disk."""
        return np.arange(0, len(self), _CHUNK)

    def __deepcopy__(self, memo: dict) -> PairSource:
        return self  # nothing changes it
