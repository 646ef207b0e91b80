from __future__ import annotations
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from tool_server import run_python

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'analysis_tools'

ONEDL = {
    'mmengine': None,
    'mmcv': None,
    'mmdet': None,
    'mmsegmentation': None,
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.6',
    'onedl-mmdetection': '3.5.1',
    'onedl-mmsegmentation': '1.4.2',
}


class TestCheckEnv:
    GOOD = {
        'torch': '2.13.0+cpu',
        'numpy': '1.26.4',
        'setuptools': '80.10.2',
        'mmengine': '0.10.7',
        'mmcv': '2.1.0',
        'mmdet': '3.3.0',
        'mmdet3d': '1.4.0',
        'mmsegmentation': '1.2.2',
        'ftfy': '6.3.1',
        'regex': '2026.1',
        'nuscenes-devkit': '1.2.0',
        'spconv': '2.3.8',
        'cumm': '0.7.11',
        'opencv-python': '4.11.0',
        'opencv-python-headless': '4.11.0'
    }

    @pytest.fixture
    def find(self):
        spec = importlib.util.spec_from_file_location('check_env',
                                                      FOLDER / 'check_env.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.find_clashes

    def test_the_tested_set(self, find):
        assert find(self.GOOD, (3, 11)) == []
        lite = {**self.GOOD, 'mmcv-lite': '2.1.0'}
        del lite['mmcv']
        assert find(lite, (3, 11)) == []
        assert find({**lite, 'numpy': '2.5.5'}, (3, 13)) == []

    def test_onedl(self, find):
        versions = {**self.GOOD, **ONEDL, 'numpy': '2.4.1'}
        versions = {k: v for k, v in versions.items() if v is not None}
        assert find(versions, (3, 11)) == []

    @pytest.mark.parametrize('changes, problem', [
        ({
            'torch': None
        }, 'torch is missing'),
        ({
            'torch': '2.5.1'
        }, 'torch < 2.6'),
        ({
            'mmengine': None
        }, 'mmengine is missing'),
        ({
            'mmcv': None
        }, 'mmcv is missing'),
        ({
            'mmcv': '2.2.0'
        }, 'mmdet, mmdet3d, mmsegmentation refuse mmcv'),
        ({
            'mmcv': None,
            'mmcv-lite': '2.2.0'
        }, 'mmdet, mmdet3d, mmsegmentation refuse mmcv'),
        ({
            'mmcv-lite': '2.1.0'
        }, 'mmcv and mmcv-lite overwrite'),
        ({
            'mmdet': '3.4.0'
        }, 'mmdet3d refuses mmdet'),
        ({
            'setuptools': '82.0'
        }, 'pkg_resources'),
        ({
            'mmengine': '0.10.4'
        }, 'Adafactor'),
        ({
            'ftfy': None
        }, 'ftfy and regex'),
        ({
            'spconv-cu120': '2.3.6'
        }, 'spconv and spconv-cu120 overwrite'),
        ({
            'cumm': '0.8.2'
        }, 'cumm < 0.8'),
        ({
            'spconv': None
        }, 'needs spconv'),
        ({
            'onedl-mmcv': '2.3.6',
            'onedl-mmdetection': '3.5.1'
        }, 'mmcv, mmdet overwrite the packages of OneDL'),
        ({
            **ONEDL, 'onedl-mmcv': '2.4.0'
        }, 'LESS was not run with these versions of onedl-mm'),
        ({
            'opencv-python-headless': '5.0'
        }, 'overwrite each other'),
    ])
    def test_each_clash(self, find, changes, problem):
        versions = {**self.GOOD, **changes}
        versions = {k: v for k, v in versions.items() if v is not None}
        clash, = find(versions, (3, 11))
        assert problem in clash.problem
        assert clash.remedy

    @pytest.mark.parametrize('python', [(3, 9), (3, 14)])
    def test_python(self, find, python):
        clash, = find(self.GOOD, python)
        assert 'Python' in clash.problem

    def test_2d_systems_work_without_mmdet3d(self, find):
        without = {'mmdet3d', 'spconv', 'cumm', 'nuscenes-devkit'}
        versions = {k: v for k, v in self.GOOD.items() if k not in without}
        assert find({**versions, 'numpy': '2.1'}, (3, 11)) == []

    def test_program(self):
        # a fork would have what mmlangseg provides
        done = subprocess.run([sys.executable, FOLDER / 'check_env.py'],
                              text=True,
                              capture_output=True)
        assert 'torch' in done.stdout and 'mmcv' in done.stdout
        operators = re.search('operators of mmcv +(.*)', done.stdout)[1]
        stand_in = getattr(
            importlib.import_module('mmcv._ext'), 'is_stand_in', False)
        assert ('mmcv_ext.py' in operators) == stand_in
        assert (operators == 'compiled') != stand_in
        assert (done.returncode == 0) == ('CLASH' not in done.stdout)


class TestPrintConfig:

    @pytest.fixture
    def config(self, tmp_path) -> Path:
        (tmp_path / 'base.py').write_text("model = dict(b=1)\nwork = 'x'\n")
        # a library that is not installed must not matter
        (tmp_path / 'entry.py').write_text(
            "_base_ = 'base.py'\n"
            "custom_imports = dict(imports=['not_installed'])\n")
        return tmp_path / 'entry.py'

    def test_bases_and_options(self, config, tmp_path):
        saved = tmp_path / 'new' / 'saved.py'
        done = run_python(FOLDER / 'print_config.py', config, '--cfg-options',
                          'model.b=7', '--save-path', saved)
        assert done.returncode == 0, done.stderr
        assert 'model = dict(b=7)' in done.stdout
        assert Config.fromfile(saved, import_custom_modules=False).model.b == 7

    def test_missing_file(self):
        done = run_python(FOLDER / 'print_config.py', 'no.py')
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].endswith(
            'config no.py does not exist')
