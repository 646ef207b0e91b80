"""MMDetection3D, and configs of MMSegmentation, with the OneDL packages.

OneDL keeps MMEngine, MMCV, MMDetection and MMSegmentation alive, under the
same import names and with versions of its own. Its MMEngine looks for configs
that are named ``mmseg::`` in a package ``mmsegmentation``, in whose place its
MMSegmentation is installed, see :func:`find_onedl_configs`. MMDetection3D has
no such fork: version 1.4.0 compares versions when it is imported, and refuses
those that are newer than itself. :func:`admit_onedl` lets it see the last
versions that it accepts, during that import and only for the OneDL packages
with which LESS was run; everything else is left to its own check.

Unnecessary with: an MMDetection3D of OneDL, or one without upper bounds; and
an onedl-mmengine > 0.10.12 that knows the names of its own packages.
"""
from __future__ import annotations
import importlib
import importlib.machinery
import importlib.util
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.metadata import PackageNotFoundError, version

# distribution -> (import name, versions that were run, what mmdet3d is shown)
ADMITTED = {
    'onedl-mmcv': ('mmcv', '2.3.', '2.1.0'),
    'onedl-mmdetection': ('mmdet', '3.5.', '3.3.0'),
}


def has_onedl() -> bool:
    """Whether MMDetection is OneDL's."""
    return bool(_version('onedl-mmdetection'))


def admit_onedl() -> None:
    """Let imports of mmdet3d that come accept OneDL's mmcv and mmdet."""
    if not any(isinstance(finder, _Mmdet3dFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Mmdet3dFinder())


def find_onedl_configs() -> None:
    """Let ``mmseg::`` in a config mean OneDL's MMSegmentation where that is
    installed and the original is not."""
    if _version('mmsegmentation') or not _version('onedl-mmsegmentation'):
        return
    try:
        utils = importlib.import_module('mmengine.config.utils')
    except ImportError:  # the version of mmlangseg can be had without it
        return
    # the name of the module, which is found without metadata
    utils.MODULE2PACKAGE['mmseg'] = 'mmseg'


class _Mmdet3dFinder(MetaPathFinder):

    def __init__(self) -> None:
        self.searching = False

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != 'mmdet3d' or self.searching or not _admitted():
            return None
        self.searching = True  # the other finders know where it lies
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self.searching = False
        loader = None if spec is None else spec.loader
        if loader is not None:
            execute = loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                with _accepted_versions():
                    execute(module)

            # of this one loader, which Python makes anew for every module
            loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _admitted() -> dict[str, str]:
    """Installed versions of OneDL's packages, if all were run with LESS."""
    found = {name: _version(name) for name in ADMITTED}
    known = all(found[name].startswith(known)
                for name, (_, known, _) in ADMITTED.items())
    return found if known else {}


def _version(distribution: str) -> str:
    """Of what is installed, '' if it is not."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ''


@contextmanager
def _accepted_versions() -> Iterator[None]:
    """Show the versions that mmdet3d accepts, and say so."""
    # they compare each other's versions, the true ones
    modules = {
        importlib.import_module(name): shown
        for name, _, shown in ADMITTED.values()
    }
    installed = ' and '.join(f'{name} {number}'
                             for name, number in _admitted().items())
    shown = ' and '.join(f'{module.__name__} {number}'
                         for module, number in modules.items())
    warnings.warn(
        f'mmdet3d does not know {installed}, with which LESS was run; while '
        f'it is imported it sees {shown}',
        stacklevel=2)
    true = {module: module.__version__ for module in modules}
    try:
        for module, number in modules.items():
            setattr(module, '__version__', number)
        yield
    finally:
        for module, number in true.items():
            setattr(module, '__version__', number)
