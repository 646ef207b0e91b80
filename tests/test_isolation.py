"""Each part imports without what only the other parts need."""
from __future__ import annotations
import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tool_server

import mmlangseg
from mmlangseg.compat.onedl import has_onedl

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = {'less', 'semires', 'sseg'}
SHARED = [
    'mmlangseg.compat.loading', 'mmlangseg.engine', 'mmlangseg.evaluation',
    'mmlangseg.io.files', 'mmlangseg.text', 'mmlangseg.visualization'
]
# What can be missing; torch and OpenMMLab's other libraries cannot.
OPTIONAL = {
    'mmdet3d', 'spconv', 'cumm', 'open3d', 'plyfile', 'mmseg',
    'segment_anything', 'sam2', 'torchvision', 'skimage', 'sklearn', 'nltk',
    'faiss', 'webdataset'
}


@functools.cache
def server() -> str:
    """Has imported what all parts need, with none of these."""
    return tool_server.start(*OPTIONAL)


def imported(modules: list[str], blocked: list[str]) -> list[str]:
    """Import modules in a new process; give what that loaded of ours."""
    args = (ROOT / 'tests' / 'import_without.py', ','.join(blocked),
            ','.join(modules))
    env = dict(os.environ, PYTHONPATH=str(ROOT))
    if OPTIONAL.issuperset(blocked):
        done = tool_server.run_python(
            *args, cwd=ROOT, env=env, server=server())
    else:
        done = subprocess.run([sys.executable, *args],
                              cwd=ROOT,
                              env=env,
                              text=True,
                              capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1].split(',')


def test_the_blocker_blocks():
    with pytest.raises(AssertionError, match='torch is blocked'):
        imported(['mmlangseg.compat.loading'], blocked=['torch'])


def test_shared_code_without_3d_libraries():
    loaded = imported(
        SHARED,
        blocked=['mmdet3d', 'spconv', 'cumm', 'open3d', 'plyfile', 'mmseg'])
    assert set(SHARED) <= set(loaded)
    projects = [n for n in loaded if set(n.split('.')[1:2]) & PROJECTS]
    assert projects == []


def test_less_without_2d_libraries():
    loaded = imported(['mmlangseg.less'],
                      blocked=['segment_anything', 'sam2', 'mmseg'])
    assert 'mmlangseg.less' in loaded


def test_semires_without_3d_libraries():
    """Nor does it need what only some sources of candidates need."""
    # OneDL's MMDetection itself needs scikit-image
    others = [] if has_onedl() else ['skimage']
    loaded = imported(['mmlangseg.semires'],
                      blocked=[
                          'mmdet3d', 'spconv', 'cumm', 'open3d', 'plyfile',
                          'segment_anything', 'torchvision', *others
                      ])
    assert 'mmlangseg.semires' in loaded and 'mmlangseg.less' not in loaded


def test_sseg_without_3d_libraries():
    """Nor does it need what only some word taggers and the benchmarks
    need."""
    modules = ['mmlangseg.sseg', 'mmlangseg.sseg.apis.sseg_inferencer']
    loaded = imported(
        modules,
        blocked=[
            'mmdet3d', 'spconv', 'cumm', 'open3d', 'plyfile',
            'segment_anything', 'torchvision', 'skimage', 'sklearn', 'nltk',
            'faiss', 'webdataset'
        ])
    assert set(modules) <= set(loaded)
    assert not {'mmlangseg.less', 'mmlangseg.semires'} & set(loaded)


def test_inferencers_need_their_own_libraries_only():
    images, scans = 'mmlangseg.semires.apis.semires_inferencer', \
        'mmlangseg.less.apis.less_inferencer'
    threed = ['mmdet3d', 'spconv', 'cumm', 'open3d', 'plyfile']
    assert scans not in imported(['mmlangseg.apis', images], threed)
    assert images not in imported(['mmlangseg.apis', scans], ['mmseg'])


def test_the_version_needs_no_library():
    imported(['mmlangseg'], blocked=['torch', 'numpy', 'mmengine'])
    assert mmlangseg.__version__


def own_imports(path: Path, package: str) -> set[str]:
    """Absolute names of what a file imports from mmlangseg."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split('.')
            base = parts[:len(parts) - node.level + 1] if node.level else []
            found |= {
                '.'.join([*base, *filter(None, [node.module]), alias.name])
                for alias in node.names
            }
    return {name for name in found if name.startswith('mmlangseg.')}


def test_arrows_go_one_way():
    """Shared code names no project, and no project names another one."""
    checked = 0
    folders = {
        folder.parent: f'mmlangseg.{folder.parent.name}'
        for folder in ROOT.glob('projects/*/*/__init__.py')
    }
    folders[ROOT / 'mmlangseg'] = 'mmlangseg'
    for folder, name in folders.items():
        others = PROJECTS - {name.rpartition('.')[2]}
        for path in folder.rglob('*.py'):
            relative = path.relative_to(folder).parent.parts
            package = '.'.join([name, *relative])
            for target in own_imports(path, package):
                checked += 1
                assert target.split('.')[1] not in others, (
                    f'{path.relative_to(ROOT)} imports {target}')
    assert checked > 10
