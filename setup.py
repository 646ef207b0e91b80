"""Packaging: the project packages under one name, and the folder for mim."""
import os
import re
import shutil
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent

# import name -> folder. A new project is one line here (and one in
# mmlangseg/__init__.py, for a checkout that is not installed).
PROJECTS = {
    'mmlangseg.less': 'projects/LESS/less',
    'mmlangseg.semires': 'projects/SemiRES/semires',
    'mmlangseg.sseg': 'projects/SSeg/sseg',
}


def package_dirs() -> dict:
    """Those of the project packages that exist."""
    return {
        name: folder
        for name, folder in PROJECTS.items()
        if (ROOT / folder / '__init__.py').is_file()
    }


def packages() -> list:
    """Every package by name; setuptools does not find mapped ones itself."""
    names = find_packages(str(ROOT), include=['mmlangseg', 'mmlangseg.*'])
    for name, folder in package_dirs().items():
        names.append(name)
        names += [f'{name}.{sub}' for sub in find_packages(str(ROOT / folder))]
    return names


def version() -> str:
    """Read the version without importing the package, which needs torch."""
    text = (ROOT / 'mmlangseg/version.py').read_text()
    return re.search(r"__version__ = '(.+)'", text).group(1)


def requirements(name: str) -> list:
    """Lines of a requirements file, without comments and options."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    lines = [line.split('#')[0].strip() for line in lines]
    return [line for line in lines if line and not line.startswith('-')]


def add_mim_extension() -> None:
    """Put tools, configs and the model index where mim looks for them.

    Links for an editable install, so that edits are seen; copies for a
    source distribution or a wheel.
    """
    if {'develop', 'editable_wheel'} & set(sys.argv):
        link = True
    elif {'sdist', 'bdist_wheel'} & set(sys.argv):
        link = False
    else:
        return
    mim = ROOT / 'mmlangseg' / '.mim'
    mim.mkdir(exist_ok=True)
    for name in ('tools', 'configs', 'model-index.yml'):
        source, target = ROOT / name, mim / name
        if not source.exists():  # building from an unpacked sdist
            continue
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.is_dir():
            shutil.rmtree(target)
        if link:
            target.symlink_to(os.path.relpath(source, mim))
        elif source.is_dir():
            shutil.copytree(
                source, target, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copyfile(source, target)


if __name__ == '__main__':
    add_mim_extension()
    readme = ROOT / 'README.md'
    setup(
        name='mmlangseg',
        version=version(),
        description='Label-efficient, language-guided segmentation of images '
        'and 3D scans for OpenMMLab',
        long_description=readme.read_text() if readme.is_file() else '',
        long_description_content_type='text/markdown',
        license='Apache License 2.0',
        python_requires='>=3.10',
        packages=packages(),
        package_dir=package_dirs(),
        include_package_data=True,
        zip_safe=False,
        install_requires=requirements('runtime'),
        extras_require={
            'app': requirements('app'),
            'less': requirements('less'),
            'onnx': requirements('onnx'),
            'semires': requirements('semires'),
            'sseg': requirements('sseg'),
            'files': requirements('files'),
            'tests': requirements('tests'),
        },
        classifiers=[
            'Intended Audience :: Science/Research',
            'License :: OSI Approved :: Apache Software License',
            'Programming Language :: Python :: 3',
            'Topic :: Scientific/Engineering :: Artificial Intelligence',
        ])
