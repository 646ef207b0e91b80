"""Import the host libraries without what they can do without.

MMEngine and MMDetection import ``transformers``, ``scikit-learn`` and
``torch.distributed.optim`` on the chance that somebody wants Adafactor, GLIP,
the interpolation of tracks or ZeRO, and go on where these are missing. That
is about half of the time until a tool can begin.
"""
from __future__ import annotations
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder

OPTIONAL = ('transformers', 'sklearn', 'torch.distributed.optim')


def import_hosts() -> None:
    """Import MMEngine and MMDetection's models without :data:`OPTIONAL`.

    For programs of ours that do not train. What needs one of the optional
    libraries afterwards imports it as usual, a text encoder for example.
    """
    with hidden(OPTIONAL):
        for name in ('mmengine.runner', 'mmdet.models'):
            importlib.import_module(name)


@contextmanager
def hidden(names: Sequence[str]) -> Iterator[None]:
    """Let modules seem not to be installed, unless they are loaded already.

    Args:
        names: Of modules; what is below them is hidden, too.
    """
    finder = _Hider(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Hider(MetaPathFinder):

    def __init__(self, names: Sequence[str]) -> None:
        self.names = set(names)

    def find_spec(self, fullname, path=None, target=None):
        if fullname in self.names:
            raise ModuleNotFoundError(
                f'{fullname} is not imported here', name=fullname)
        return None
