"""What is in the distributions, and that mim can use them."""
from __future__ import annotations
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from config_files import ENTRIES
from mmengine import load
from tool_server import run_python

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ('mmlangseg', 'projects', 'configs', 'tools', 'requirements',
           'setup.py', 'setup.cfg', 'pyproject.toml', 'MANIFEST.in', 'LICENSE',
           'README.md', 'model-index.yml')


def run(*args, cwd: Path, **env) -> str:
    done = subprocess.run([sys.executable, *map(str, args)],
                          cwd=cwd,
                          env=dict(os.environ, **env),
                          text=True,
                          stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope='module')
def checkout(tmp_path_factory) -> Path:
    """A copy of the sources, since a build writes beside them."""
    folder = tmp_path_factory.mktemp('checkout')
    ignored = shutil.ignore_patterns('.mim', '__pycache__', '*.egg-info')
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        elif (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope='module')
def wheel(checkout) -> Path:
    out = checkout / 'dist'
    run('-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w',
        out, '.', cwd=checkout)  # yapf: disable
    return next(out.glob('mmlangseg-*.whl'))


@pytest.fixture(scope='module')
def site(wheel, tmp_path_factory) -> Path:
    """A folder with the wheel installed, to be put on the path."""
    folder = tmp_path_factory.mktemp('site')
    run('-m', 'pip', 'install', '-q', '--no-deps', '--target', folder, wheel,
        cwd=folder)  # yapf: disable
    return folder


def python_files(folder: Path, prefix: str) -> set[str]:
    return {
        f'{prefix}/{path.relative_to(folder)}'
        for path in folder.rglob('*.py')
        if not {'.mim', '__pycache__'} & set(path.parts)
    }


def test_wheel_holds_every_module(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = python_files(ROOT / 'mmlangseg', 'mmlangseg')
    for package in ROOT.glob('projects/*/*/__init__.py'):
        folder = package.parent
        expected |= python_files(folder, f'mmlangseg/{folder.name}')
    assert 'mmlangseg/less/models/__init__.py' in expected
    assert not expected - names


def test_wheel_holds_what_mim_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = python_files(ROOT / 'configs', 'mmlangseg/.mim/configs')
    expected |= python_files(ROOT / 'tools', 'mmlangseg/.mim/tools')
    expected |= {
        'mmlangseg/.mim/model-index.yml',
        'mmlangseg/.mim/configs/less/metafile.yml',
        'mmlangseg/.mim/configs/semires/metafile.yml',
        'mmlangseg/.mim/tools/dist_train.sh'
    }
    assert not expected - names


def test_wheel_has_one_top_level_package(wheel):
    tops = {name.split('/')[0] for name in zipfile.ZipFile(wheel).namelist()}
    tops = {top for top in tops if not top.endswith('.dist-info')}
    assert tops == {'mmlangseg'}


def test_source_distribution_builds_the_same_wheel(checkout, wheel, tmp_path):
    run('setup.py', '-q', 'sdist', '-d', tmp_path, cwd=checkout)
    archive = next(tmp_path.glob('*.tar.gz'))
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter='data')
    unpacked = tmp_path / archive.name.removesuffix('.tar.gz')
    run('-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w',
        tmp_path, '.', cwd=unpacked)  # yapf: disable
    again = next(tmp_path.glob('*.whl'))
    assert set(zipfile.ZipFile(again).namelist()) == set(
        zipfile.ZipFile(wheel).namelist())


def test_installed_wheel_imports(site, tmp_path):
    out = run(
        '-W',
        'ignore',
        '-c',
        'import mmlangseg.less as p; print(p.__file__)',
        cwd=tmp_path,
        PYTHONPATH=str(site))
    assert out.splitlines()[-1] == f'{site}/mmlangseg/less/__init__.py'


def test_config_names_are_unique():
    """mim finds a config by its file name alone."""
    names = [
        path.name for folder in ('configs', 'tools')
        for path in (ROOT / folder).rglob('*.py')
    ]
    for entry in ENTRIES:
        assert names.count(entry.name) == 1


def test_metafiles_name_existing_configs():
    seen = []
    for metafile in load(ROOT / 'model-index.yml')['Import']:
        content = load(ROOT / metafile)
        collections = {item['Name'] for item in content['Collections']}
        for model in content['Models']:
            assert (ROOT / model['Config']).is_file(), model['Config']
            assert model['In Collection'] in collections
            seen.append(model['Name'])
    # every entry config, and nothing else
    assert sorted(seen) == sorted(path.stem for path in ENTRIES)
    assert len(seen) == len(set(seen))


def test_mim_finds_the_models(site, tmp_path):
    out = run(
        '-m',
        'mim',
        'search',
        'mmlangseg',
        '--valid-config',
        cwd=tmp_path,
        PYTHONPATH=str(site))
    assert 'less_toy' in out


def test_mim_trains_from_the_wheel(site, tmp_path):
    """The toy set made and trained on, with nothing but the wheel."""
    tools = site / 'mmlangseg' / '.mim' / 'tools'
    environment = dict(PYTHONPATH=str(site), OMP_NUM_THREADS='1')
    done = run_python(
        tools / 'dataset_converters' / 'make_toy.py',
        'less',
        'data/less_toy',
        '--num-train',
        2,
        '--num-val',
        1,
        cwd=tmp_path,
        env={
            **os.environ,
            **environment
        },
        merged=True)
    assert done.returncode == 0, done.stdout[-3000:]
    out = run(
        '-m',
        'mim',
        'train',
        'mmlangseg',
        'less_toy.py',
        '--work-dir',
        'run',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.dataset.indices=2',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_dataloader.dataset.indices=1',
        'val_dataloader.num_workers=0',
        'val_dataloader.persistent_workers=False',
        cwd=tmp_path,
        **environment)
    assert 'Training finished successfully' in out
    assert (tmp_path / 'run' / 'epoch_1.pth').is_file()
