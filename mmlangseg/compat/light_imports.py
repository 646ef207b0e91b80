"""Import the host libraries without what they can do without.

MMEngine and MMDetection import ``transformers``, ``scikit-learn`` and
``torch.distributed.optim`` on the chance that somebody wants Adafactor, GLIP,
the interpolation of tracks or ZeRO, and go on where these are missing. They
import sharded training, pyplot and SciPy's optimizers for classes and
functions that segmenting own data never calls, and do not go on without. All
together that is more than half of the time until a tool can begin.
"""
from __future__ import annotations
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from .onedl import has_onedl

OPTIONAL = ('transformers', 'sklearn', 'torch.distributed.optim')
UNUSED = ('torch.distributed.fsdp', 'matplotlib.pyplot', 'scipy.optimize')


def import_hosts(*others: str) -> None:
    """Import MMEngine and MMDetection's models without :data:`OPTIONAL`, and
    with stand-ins for :data:`UNUSED`.

    For programs of ours that do not train. What needs one of these libraries
    afterwards imports it as usual, a text encoder for example.

    Args:
        others: Modules to be imported in the same way.
    """
    unused = set(UNUSED)
    if has_onedl():
        # its MMDetection has scikit-image loaded, which keeps what it finds
        unused.discard('scipy.optimize')
    with hidden(OPTIONAL), stood_in(unused):
        for name in ('mmengine.runner', 'mmdet.models', *others):
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


@contextmanager
def stood_in(names: Iterable[str]) -> Iterator[None]:
    """Let modules have any name that is asked for, each an empty class,
    unless they are loaded already.

    Args:
        names: Of modules; what is below them is stood in for, too.
    """
    finder = _StandIns(name for name in names if name not in sys.modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.made:
            module = sys.modules.pop(name)
            parent, _, child = name.rpartition('.')
            if vars(sys.modules.get(parent, module)).get(child) is module:
                delattr(sys.modules[parent], child)


class _Hider(MetaPathFinder):

    def __init__(self, names: Sequence[str]) -> None:
        self.names = set(names)

    def find_spec(self, fullname, path=None, target=None):
        if fullname in self.names:
            raise ModuleNotFoundError(
                f'{fullname} is not imported here', name=fullname)
        return None


class _StandIns(MetaPathFinder, Loader):

    def __init__(self, names: Iterator[str]) -> None:
        self.names = set(names)
        self.made: list[str] = []

    def find_spec(self, fullname, path=None, target=None):
        if fullname in self.names or fullname.rpartition('.')[0] in self.made:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        self.made.append(spec.name)
        return _StandIn(spec.name)

    def exec_module(self, module):
        """Nothing is executed."""


class _StandIn(ModuleType):

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        made = type(name, (), {'__module__': self.__name__})
        setattr(self, name, made)
        return made
