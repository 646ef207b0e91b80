"""tools/infer.py --image; scans are in test_infer.py."""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import lavt_model
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from mmlangseg.visualization import write_png

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'infer.py'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Config and checkpoint of a small LAVT, and a picture."""
    folder = tmp_path_factory.mktemp('lavt')
    lavt_model.write_config(folder)
    init_default_scope('mmseg')
    model = lavt_model.build(lavt_model.model_config(folder))
    lavt_model.save_checkpoint(folder / 'best.pth', model)
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    write_png(folder / 'street.png', pixels)
    return folder


def infer(*args):
    return subprocess.run([sys.executable, TOOL, *map(str, args)],
                          text=True,
                          capture_output=True)


def test_infer(folder, tmp_path):
    done = infer(folder / 'tiny.py', folder / 'best.pth', '--image',
                 folder / 'street.png', '--text', 'The red dog.', '--text',
                 'man ' * 200, '--out', tmp_path / 'out', '--device', 'cpu')
    assert done.returncode == 0, done.stderr
    assert 'pixels, score' in done.stdout and 'The red dog.' in done.stdout
    assert "warning: the text encoder does not know '.'\n" in done.stderr
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'street.json', 'street_0.png', 'street_0_mask.png', 'street_1.png',
        'street_1_mask.png'
    ]
    written = json.loads((tmp_path / 'out' / 'street.json').read_text())
    assert written['results'][1]['text'] == 'man ' * 200


def test_one_clear_line_for_bad_input(folder, tmp_path, run_tool):
    config, checkpoint = folder / 'tiny.py', folder / 'best.pth'
    picture = folder / 'street.png'
    other = lavt_model.save_checkpoint(tmp_path / 'other.pth',
                                       torch.nn.Linear(2, 2))
    text = tmp_path / 'text.jpg'
    text.write_text('not a picture')
    for message, *args in [
        ('none.jpg does not exist', checkpoint, '--image', 'none.jpg'),
        ('text.jpg is not an image', checkpoint, '--image', text),
        ('of another model', other, '--image', picture),
        ('not allowed with', checkpoint, '--image', picture, '--scan', 'a'),
        ('--no-center need --scan', checkpoint, '--image', picture, '--html'),
        ('one of the arguments --scan --image is required', checkpoint),
        ("has default_scope='mmseg'", checkpoint, '--scan', 'room.ply'),
    ]:
        printed = run_tool(config, *args, '--text', 'man', '--out',
                           tmp_path / 'out')
        assert message in printed
    printed = run_tool(config, checkpoint, '--image', picture, '--text', ' ',
                       '--out', tmp_path / 'out')
    assert 'Sentence 1 is empty' in printed
    assert not (tmp_path / 'out').exists()


def test_cfg_options(folder, tmp_path, run_tool):
    """The remedies of the README change a config; here, another model."""
    args = (folder / 'tiny.py', folder / 'best.pth', '--image',
            folder / 'street.png', '--text', 'man', '--out', tmp_path / 'out')
    printed = run_tool(*args, '--cfg-options', 'modle.type=LAVT')
    assert 'tiny.py' in printed and 'modle' in printed
    printed = run_tool(*args, '--cfg-options', 'default_scope=mmdet3d')
    assert "has default_scope='mmdet3d'" in printed
    assert not (tmp_path / 'out').exists()


@pytest.fixture
def run_tool(monkeypatch, capsys):
    """Run the tool in this process; gives the message it stops with."""
    import importlib.util
    spec = importlib.util.spec_from_file_location('infer', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            module.main()
        return f'{stop.value} {capsys.readouterr().err}'

    return run


def test_several_images(folder, tmp_path, run_tool):
    """A bad one is named at the end, and nothing else is lost."""
    photos = tmp_path / 'photos'
    photos.mkdir()
    for name in ('a.png', 'c.png'):
        shutil.copy(folder / 'street.png', photos / name)
    (photos / 'b.jpg').write_text('not a picture')
    printed = run_tool(folder / 'tiny.py', folder / 'best.pth', '--image',
                       photos, folder / 'street.png', '--text', 'man',
                       '--batch-size', 3, '--out', tmp_path / 'out')
    assert printed.startswith('1 ')  # exit status
    assert 'error: 1 of 4 images failed:\n' in printed
    assert 'b.jpg is not an image' in printed
    assert sorted(p.name for p in (tmp_path / 'out').glob('*.json')) == [
        'a.json', 'c.json', 'street.json'
    ]
