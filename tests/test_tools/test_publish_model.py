"""tools/publish_model.py, and the tools that take what it writes."""
from __future__ import annotations
import json
import runpy
from pathlib import Path

import lavt_model
import pytest
from command_line import call, keep_config_unformatted
from mmengine.config import Config
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp('lavt')
    config = lavt_model.write_config(folder)
    init_default_scope('mmseg')
    model = lavt_model.build(Config.fromfile(config).model)
    lavt_model.save_checkpoint(folder / 'best.pth', model)
    return folder


def test_test_and_infer(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    keep_config_unformatted(monkeypatch)
    config, checkpoint = run / 'tiny.py', run / 'best.pth'
    call('publish_model.py', config, checkpoint, 'mine')
    size, example = capsys.readouterr().out.splitlines()[-2:]
    assert size == 'mine: 0.9 MB'
    assert example == (
        'try it: python tools/infer.py mine --image MY.jpg --text "SENTENCE" '
        '--out outputs/my_image')
    call('test.py', config, checkpoint, '--out', 'a.json')
    call('test.py', 'mine', '--out', 'b.json', '--cfg-options',
         'test_dataloader.batch_size=1')
    written = [json.loads(Path(f'{name}.json').read_text()) for name in 'ab']
    assert written[0]['records'] and written[0] == written[1]
    assert Path('work_dirs/mine').is_dir()  # not `config`
    # the weights alone begin a training, or are tested
    call('test.py', config, 'mine/model.safetensors', '--out', 'c.json')
    assert json.loads(Path('c.json').read_text()) == written[0]
    picture = next(run.rglob('*.jpg'))
    for name, words in [('x', [config, checkpoint]), ('y', ['mine'])]:
        call('infer.py', *words, '--image', picture, '--text', 'the dog',
             '--out', name)
    first, second = (next(Path(name).glob('*_mask.png')) for name in 'xy')
    assert first.read_bytes() == second.read_bytes()


def test_averaged_weights(run, tmp_path, monkeypatch):
    """EMAHook looks for what weights alone do not have."""
    monkeypatch.chdir(tmp_path)
    keep_config_unformatted(monkeypatch)
    config = tmp_path / 'averaged.py'
    config.write_text(f"_base_ = ['{run / 'tiny.py'}']\n"
                      "custom_hooks = [dict(type='EMAHook')]\n")
    call('publish_model.py', config, run / 'best.pth', 'mine')
    call('test.py', config, run / 'best.pth', '--out', 'a.json')
    call('test.py', 'mine', '--out', 'b.json')
    written = [json.loads(Path(f'{name}.json').read_text()) for name in 'ab']
    assert written[0]['records'] and written[0] == written[1]


def test_bad_input(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config, checkpoint = run / 'tiny.py', run / 'best.pth'
    for message, *words in [
        ('has no mmlangseg.json', 'test.py', tmp_path),
        ('is a folder, which has its own', 'test.py', tmp_path, checkpoint),
        ('config none.py does not exist', 'test.py', 'none.py'),
        ('config a/b does not exist', 'test.py', 'a/b', checkpoint),
        ('config none.py does not exist', 'publish_model.py', 'none.py',
         checkpoint, 'out'),
        ('exists and is no model folder', 'publish_model.py', config,
         checkpoint, run),
        ('tiny.py needs a checkpoint', 'test.py', config),
        ('org/none is no file or folder', 'test.py', 'org/none'),
    ]:
        try:
            call(*words)
            printed = ''
        except AssertionError as stop:
            printed = f'{stop} {capsys.readouterr().err}'
        assert message in printed and 'Traceback' not in printed


@pytest.mark.parametrize('config, option', [
    ('less/toy/less_toy.py', '--scan MY.ply --text'),
    ('sseg/toy/sseg_toy.py', '--image MY.jpg --classes'),
    ('semires/toy/semires_toy_demo.py', '--image MY.jpg --text'),
    ('lavt_refcoco.py', '--image MY.jpg --text'),
])
def test_example(config, option):
    tool = runpy.run_path(str(ROOT / 'tools' / 'publish_model.py'))
    words = tool['example'](Config.fromfile(ROOT / 'configs' / config))
    assert words.startswith(option)
