"""tools/dataset_converters/make_toy.py and the base configs on its set."""
import json
from pathlib import Path

import pytest
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from scan_data import load_converter

CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_' / 'datasets'


@pytest.fixture(scope='module')
def make_toy():
    return load_converter('make_toy')


@pytest.fixture(scope='module')
def root(make_toy, tmp_path_factory):
    root = tmp_path_factory.mktemp('toy') / 'less'
    assert run(make_toy, root) == 0
    return root


def run(make_toy, root, *args):
    return make_toy.main(
        ['less',
         str(root), '--num-train', '3', '--num-val', '1', *args])


@pytest.mark.parametrize('loader', ['train_dataloader', 'val_dataloader'])
@pytest.mark.parametrize('name', ['toy_rooms', 'scanrefer'])
def test_base_configs(root, name, loader):
    init_default_scope('mmdet3d')
    config = Config.fromfile(CONFIGS / f'{name}.py')[loader].dataset
    config.data_root = str(root)
    dataset = DATASETS.build(config)
    sample = dataset[len(dataset) - 1]
    masks = sample['data_samples'].gt_instances_3d.masks
    assert masks.shape[1] == len(sample['inputs']['points'])
    assert masks.any(dim=1).all()
    groups = {
        g
        for e in sample['data_samples'].expressions
        for g in e['groups']
    }
    assert groups & {'unique', 'multiple'}
    if loader == 'val_dataloader':
        assert groups >= {'kind', 'relation'}


def test_second_call_does_nothing(make_toy, root, capsys):
    before = {p: p.stat().st_mtime_ns for p in root.rglob('*')}
    assert run(make_toy, root) == 0
    assert 'is complete' in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in root.rglob('*')}


def test_other_options_or_an_interruption_start_afresh(make_toy, tmp_path):
    root = tmp_path / 'toy'
    assert run(make_toy, root, '--seed', '1') == 0
    first = (root / 'points' / 'scene0000_00.bin').read_bytes()
    assert run(make_toy, root, '--seed', '2') == 0
    assert (root / 'points' / 'scene0000_00.bin').read_bytes() != first
    (root / 'toy.json').write_text('{}')  # as an interrupted run leaves it
    (root / 'points' / 'scene0000_00.bin').write_bytes(first)
    assert run(make_toy, root, '--seed', '2') == 0
    assert (root / 'points' / 'scene0000_00.bin').read_bytes() != first
    assert json.loads((root / 'toy.json').read_text())['seed'] == 2


def test_never_writes_into_other_data(make_toy, tmp_path, capsys):
    (tmp_path / 'scans').mkdir()
    (tmp_path / 'scans' / 'mine.txt').write_text('precious')
    assert run(make_toy, tmp_path) == 1
    assert 'holds other files' in capsys.readouterr().err
    assert [p.name for p in tmp_path.rglob('*')] == ['scans', 'mine.txt']
