"""MMDetection3D beside packages of OneDL, played by packages of a line."""
from __future__ import annotations
import subprocess
import sys
from pathlib import Path

import pytest
from config_files import find_config
from mmengine.config import Config

from mmlangseg.compat import onedl

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
import mmcv, mmdet
assert mmcv.__version__ < '2.2' and mmdet.__version__ < '3.4', 'too new'
"""
PROGRAM = """
import sys, warnings
sys.path[:0] = sys.argv[1:]
import mmlangseg
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    import mmdet3d, mmcv, mmdet
print(mmcv.__version__, mmdet.__version__, *(w.message for w in caught))
"""


def load(folder: Path, **installed: str) -> subprocess.CompletedProcess:
    """Import mmdet3d where mmcv is 2.3.6, mmdet 3.5.1, for Python."""
    for name, content in {
            'mmcv': "__version__ = '2.3.6'",
            'mmdet': "import mmcv\n"
                     "assert mmcv.__version__ == '2.3.6'\n"
                     "__version__ = '3.5.1'",
            'mmdet3d': CHECK
    }.items():  # yapf: disable
        (folder / name).mkdir()
        (folder / name / '__init__.py').write_text(content)
    for name, version in installed.items():
        info = folder / f'{name}-{version}.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name.replace("_", "-")}\n'
            f'Version: {version}\n')
    return subprocess.run(
        [sys.executable, '-c', PROGRAM,
         str(folder), str(ROOT)],
        capture_output=True,
        text=True)


def test_the_versions_that_were_run(tmp_path):
    done = load(tmp_path, onedl_mmcv='2.3.6', onedl_mmdetection='3.5.1')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('2.3.6 3.5.1 mmdet3d does not know '
                                  'onedl-mmcv 2.3.6 and onedl-mmdetection')
    assert 'it sees mmcv 2.1.0 and mmdet 3.3.0' in done.stdout


@pytest.mark.parametrize('mmcv, mmdetection', [('2.4.0', '3.5.1'),
                                               ('2.3.6', '3.6.0')])
def test_others_are_left_to_the_check_of_mmdet3d(tmp_path, mmcv, mmdetection):
    done = load(tmp_path, onedl_mmcv=mmcv, onedl_mmdetection=mmdetection)
    assert 'AssertionError: too new' in done.stderr


def test_configs_of_mmseg_are_those_of_onedl(monkeypatch):
    """Also where only OneDL's package has metadata."""
    from mmengine.config import utils
    names = dict(utils.MODULE2PACKAGE, mmseg='mmsegmentation')
    monkeypatch.setattr(utils, 'MODULE2PACKAGE', names)
    monkeypatch.setattr(onedl, '_version', {'mmsegmentation': '1.2.2'}.get)
    onedl.find_onedl_configs()
    assert names['mmseg'] == 'mmsegmentation'
    monkeypatch.setattr(onedl, '_version', {
        'mmsegmentation': '',
        'onedl-mmsegmentation': '1.4.2'
    }.get)
    onedl.find_onedl_configs()
    assert names['mmseg'] == 'mmseg'
    path = find_config('sseg_plus_upernet_mae-b_voc21')
    assert Config.fromfile(path).model.type == 'EncoderDecoder'
