"""Print the versions that matter, what is known to clash, and the remedy.

Needs nothing but Python, so that it also runs where an installation failed.
The exit code is 1 if something clashes or is missing.
"""
from __future__ import annotations
import importlib.util
import platform
import re
import sys
from importlib.metadata import distributions
from typing import NamedTuple

PACKAGES = ('pip', 'setuptools', 'torch', 'numpy', 'mmengine', 'mmcv',
            'mmcv-lite', 'mmdet', 'mmdet3d', 'mmsegmentation', 'spconv',
            'cumm', 'transformers', 'nuscenes-devkit', 'numba', 'open3d',
            'opencv-python', 'opencv-python-headless', 'ftfy', 'regex',
            'openmim', 'mmlangseg')
HOSTS = ('mmdet', 'mmdet3d', 'mmsegmentation')
# what lies in the same folder as its fork of OneDL
FORKS = {
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmcv-lite': 'onedl-mmcv',
    'mmdet': 'onedl-mmdetection',
    'mmsegmentation': 'onedl-mmsegmentation',
}


class Clash(NamedTuple):
    """What is wrong, and what to do about it."""

    problem: str
    remedy: str


def installed_versions() -> dict[str, str]:
    """Version of every installed distribution by its normalized name."""
    return {
        re.sub(r'[-_.]+', '-', dist.metadata['Name']).lower(): dist.version
        for dist in distributions() if dist.metadata['Name']
    }


def parse(version: str) -> tuple[int, ...]:
    """'2.13.0+cpu' -> (2, 13, 0)."""
    return tuple(int(x) for x in re.findall(r'\d+', version.split('+')[0])[:3])


class Versions:
    """Comparisons that are False for what is not installed."""

    def __init__(self, versions: dict[str, str]) -> None:
        self.versions = versions

    def has(self, *names: str) -> bool:
        return all(name in self.versions for name in names)

    def at_least(self, name: str, *bound: int) -> bool:
        return self.has(name) and parse(self.versions[name]) >= bound

    def below(self, name: str, *bound: int) -> bool:
        return self.has(name) and parse(self.versions[name]) < bound


def find_clashes(versions: dict[str, str], python: tuple[int,
                                                         int]) -> list[Clash]:
    """Compare versions with what is known to break.

    Args:
        versions: Installed versions by distribution name.
        python: Major and minor version of Python.
    """
    found = Versions(versions)
    hosts = [name for name in HOSTS if found.has(name)]
    spconvs = [
        name for name in versions if re.match(r'spconv(-cu\d+)?$', name)
    ]
    onedl = [name for name in versions if name.startswith('onedl-')]
    doubled = [
        name for name, fork in FORKS.items()
        if found.has(name) and found.has(fork)
    ]
    mmcvs = [name for name in ('mmcv', 'mmcv-lite') if found.has(name)]
    rules = [
        (python < (3, 10), 'Python is older than 3.10',
         'make an environment with Python 3.10 to 3.13'),
        (python >= (3, 14), 'Python is newer than 3.13',
         'make an environment with Python 3.10 to 3.13'),
        (not found.has('torch'), 'torch is missing',
         'install it first, for your CUDA version: mmcv is built against it'),
        (found.below('torch', 2, 6), 'torch < 2.6 cannot read a checkpoint '
         'safely, and transformers 5 does not work with it',
         'install torch >= 2.6, then mmcv again, which is built against it'),
        (not found.has('mmengine') and not found.has('onedl-mmengine'),
         'mmengine is missing', "pip install 'mmengine>=0.10.6,<1.0'"),
        (not mmcvs and not onedl, 'mmcv is missing',
         'pip install mmcv-lite==2.1.0, or, with compiled operators and after '
         'torch, pip install --no-build-isolation mmcv==2.1.0'),
        (len(mmcvs) > 1, 'mmcv and mmcv-lite overwrite each other',
         'pip uninstall mmcv mmcv-lite, then install one of them'),
        (hosts
         and any(found.at_least(name, 2, 2)
                 for name in mmcvs), f'{", ".join(hosts)} refuse mmcv >= 2.2',
         'pip install mmcv-lite==2.1.0, or pip install --no-build-isolation '
         'mmcv==2.1.0'),
        (found.at_least('mmdet', 3, 4) and found.has('mmdet3d'),
         'mmdet3d refuses mmdet >= 3.4', 'pip install mmdet==3.3.0'),
        (found.at_least('setuptools', 82),
         'setuptools >= 82 has no pkg_resources, which mim, the build of mmcv '
         "and mmengine's mmdet3d:: configs need",
         "pip install 'setuptools<82'"),
        (found.below('mmengine', 0, 10, 6) and found.at_least('torch', 2, 5),
         'mmengine < 0.10.6 registers Adafactor twice with torch >= 2.5',
         "pip install 'mmengine>=0.10.6,<1.0'"),
        (found.has('mmsegmentation') and not found.has('ftfy', 'regex'),
         'mmseg imports ftfy and regex, and does not require them',
         'pip install ftfy regex'),
        (len(spconvs) > 1, f'{" and ".join(spconvs)} overwrite each other',
         f'pip uninstall {" ".join(spconvs)}, then install the one for your '
         'CUDA version'),
        (found.at_least('cumm', 0, 8) and found.below('spconv', 2, 4),
         'spconv 2.3 needs cumm < 0.8', "pip install 'cumm<0.8'"),
        (found.has('mmdet3d') and not spconvs, 'LESS needs spconv',
         'pip install spconv==2.3.8 (CPU), or spconv-cu126==2.3.8 and '
         'the like'),
        (bool(doubled), f'{", ".join(doubled)} overwrite the packages of '
         'OneDL, which lie in the same folders', f'pip uninstall '
         f'{" ".join(doubled + onedl)}, then install those of OneDL; mmdet3d '
         'needs --no-deps beside them'),
        (found.has('mmdet3d') and bool(onedl)
         and not (versions.get('onedl-mmcv', '').startswith('2.3.') and
                  versions.get('onedl-mmdetection', '').startswith('3.5.')),
         f'LESS was not run with these versions of {", ".join(onedl)}',
         'pip install onedl-mmcv==2.3.6 onedl-mmdetection==3.5.1, or leave '
         'OneDL to the 2D systems'),
        (_differ(versions, 'opencv-python', 'opencv-python-headless'),
         'opencv-python and opencv-python-headless overwrite each other',
         'install the same version of both'),
    ]
    return [Clash(problem, remedy) for bad, problem, remedy in rules if bad]


def _differ(versions: dict[str, str], first: str, second: str) -> bool:
    both = first in versions and second in versions
    return both and versions[first] != versions[second]


def find_broken_builds(versions: dict[str, str]) -> list[Clash]:
    """Import the compiled parts."""
    rebuild = ('pip install --force-reinstall --no-deps --no-cache-dir '
               '--no-build-isolation mmcv==2.1.0')
    compiled = {
        'torch': ('torch', 'install it again'),
        'mmcv': ('mmcv._ext', f'it was built for another torch or without '
                 f'one: {rebuild}'),
    }
    broken = []
    for name, (module, remedy) in compiled.items():
        if name not in versions:
            continue
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a broken library raises
            broken.append(Clash(f'import {module} fails: {error}', remedy))
            continue
        if name == 'torch' and 'spconv' in versions and _has_gpu():
            broken.append(
                Clash(
                    'spconv is the CPU build, torch sees a GPU',
                    'pip uninstall spconv; pip install spconv-cu126==2.3.8 or '
                    'the one for your CUDA version'))
    return broken


def _has_gpu() -> bool:
    import torch
    return torch.cuda.is_available()


def describe_operators() -> str:
    """Where nms, roi_align and the like come from."""
    try:
        import mmcv  # noqa: F401
    except Exception:  # reported as missing or broken
        return 'unknown'
    if importlib.util.find_spec('mmcv._ext') is not None:
        return 'compiled'
    return 'nms and roi_align by mmlangseg/compat/mmcv_ext.py, no others'


def describe_device() -> str:
    """The GPU that torch sees."""
    try:
        import torch
    except Exception:  # reported as missing or broken
        return 'unknown'
    if torch.cuda.is_available():
        return f'{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}'
    return f'CPU, {torch.get_num_threads()} threads'


def main() -> int:
    versions = installed_versions()
    print(f'{"Python":24}{platform.python_version()}  {sys.executable}')
    print(f'{"system":24}{platform.platform()}')
    others = [
        name for name in sorted(versions)
        if name.startswith(('onedl-', 'spconv-'))
    ]
    for name in (*PACKAGES, *others):
        print(f'{name:24}{versions.get(name, "-")}')
    clashes = find_clashes(versions, sys.version_info[:2])
    clashes += find_broken_builds(versions)
    print(f'{"operators of mmcv":24}{describe_operators()}')
    print(f'{"device":24}{describe_device()}')
    for clash in clashes:
        print(f'\nCLASH   {clash.problem}\nremedy  {clash.remedy}')
    if not clashes:
        print('\nNo known clash.')
    return 1 if clashes else 0


if __name__ == '__main__':
    sys.exit(main())
