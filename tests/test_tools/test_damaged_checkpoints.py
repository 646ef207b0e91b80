"""What is given as a checkpoint, and is none, ends in one line."""
from __future__ import annotations
import os
from pathlib import Path

import pytest
import torch
from command_line import ROOT, run_tool
from test_tools.test_train_and_test import CONFIG


def cut_off(path: Path) -> None:
    torch.save(dict(state_dict={'a': torch.ones(500)}), path)
    path.write_bytes(path.read_bytes()[:1500])


def words(path: Path) -> None:
    torch.save(dict(state_dict='x', a=torch.ones(2)), path)


# how it is made, and what is said of it; all kinds: test_checkpoint_damage.py
DAMAGED = dict(
    cut_off=(cut_off, 'it is cut off, its 1,500 bytes have no end; copy'),
    words=(words, 'its state_dict is a str'))


@pytest.fixture(params=DAMAGED)
def damaged(request, tmp_path) -> tuple[Path, str]:
    make, said = DAMAGED[request.param]
    path = tmp_path / 'damaged.pth'
    make(path)
    return path, said


def the_line(tool: str, *args, cwd: Path) -> str:
    """What a tool says last, which is all but notices."""
    out = run_tool(tool, *args, cwd=cwd, code=1)
    assert 'Traceback' not in out
    *_, line = out.strip().splitlines()
    return line


@pytest.mark.parametrize('place', ['--resume', 'load_from', 'test'])
def test_train_and_test(place, damaged, tmp_path):
    path, said = damaged
    config = tmp_path / 'toy_line.py'
    config.write_text(CONFIG)
    args = dict(
        test=['test.py', config, path],
        load_from=['train.py', config, '--cfg-options', f'load_from={path}'])
    args['--resume'] = ['train.py', config, '--resume', path]
    line = the_line(*args[place], '--work-dir', tmp_path, cwd=tmp_path)
    assert line.startswith(f'error: cannot load checkpoint {path}: ')
    assert said in line
    assert not os.path.exists(tmp_path / 'vis_data')  # no run was begun


SYSTEMS = {
    'less/toy/less_toy.py': ['--scan', 'scan.ply', '--text', 'the chair'],
    'semires/toy/semires_toy_demo_burnin.py': [
        '--image', 'image.png', '--text', 'the star'],
    'sseg/toy/sseg_toy.py': ['--image', 'image.png', '--classes', 'cat'],
}  # yapf: disable


@pytest.mark.parametrize('config', SYSTEMS)
def test_programs_of_each_system(config, tmp_path):
    path = tmp_path / 'cut.pth'
    cut_off(path)
    config_file = ROOT / 'configs' / config
    for tool in (['infer.py', config_file, path, '--out', 'out',
                  *SYSTEMS[config]],
                 ['publish_model.py', config_file, path, 'published'],
                 ['test.py', config_file, path]):  # yapf: disable
        line = the_line(*tool, cwd=tmp_path)
        assert line.startswith(
            f'error: cannot load checkpoint {path}: it is cut off'), tool


@pytest.mark.parametrize(
    'tool', ['lavt_reference.py', 'less_reference.py', 'spformer_backbone.py'])
def test_converters(tool, damaged, tmp_path):
    path, said = damaged
    line = the_line(
        f'model_converters/{tool}', path, tmp_path / 'out.pth', cwd=tmp_path)
    assert line.startswith('error: ') and str(path) in line
    assert said in line


MODEL = CONFIG.replace(
    "dict(type='ToyLineModel')", '''dict(
    type='ToyLineModel',
    init_cfg=dict(type='Pretrained', checkpoint='weights.pth'))''')
assert MODEL != CONFIG


@pytest.mark.parametrize('options, said', [
    ([], "weights.pth: it is cut off"),
    (["model.init_cfg.checkpoint=whole.pth", "model.init_cfg.prefix=body."],
     'init_cfg.checkpoint=whole.pth: none of its 1 weights has a name that '
     'begins with body.'),
])  # yapf: disable
def test_pretrained_weights(options, said, tmp_path):
    """They are read before the data are."""
    cut_off(tmp_path / 'weights.pth')
    torch.save(dict(a=torch.ones(2)), tmp_path / 'whole.pth')
    config = tmp_path / 'pretrained.py'
    config.write_text(MODEL)
    line = the_line(
        'train.py',
        config,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        'train_dataloader.dataset.num_scenes=7',
        *options,
        cwd=tmp_path)
    assert line.startswith('error: ') and said in line
