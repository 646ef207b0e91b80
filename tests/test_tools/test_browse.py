import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mmdet3d')
from mmlangseg.visualization import read_image  # noqa: E402

TOOL = Path(
    __file__).resolve().parents[2] / 'tools/analysis_tools/browse_dataset.py'
CONFIG = """
default_scope = 'mmdet3d'
custom_imports = dict(imports=['mmlangseg.less'], allow_failed_imports=False)
train_dataloader = dict(
    dataset=dict(
        type='ScanReferDataset', data_root={root!r}, ann_file='train.json',
        info_file='infos.pkl', expressions_per_scene=2,
        pipeline=[
            dict(type='LoadPointsFromDict', coord_type='DEPTH', load_dim=6,
                 use_dim=6, use_color=True),
            dict(type='NormalizeScanColor'),
            dict(type='ReferringAugment3D'),
            dict(type='BuildReferringMasks'),
            dict(type='PackReferring3DInputs'),
        ]))
"""


@pytest.fixture
def config(tmp_path):
    """Three scans with two sentences each, red objects on gray ground."""
    from mmlangseg.less.scans.files import write_infos, write_scan
    rng = np.random.default_rng(0)
    rows = []
    for scene_id in ('scene0000_00', 'scene0001_00', 'scene0002_00'):
        instances = rng.integers(0, 3, 300)
        rgb = np.full((300, 3), 128.)
        write_scan(tmp_path, scene_id, np.c_[rng.random((300, 3)), rgb],
                   instances)
        rows += [
            dict(
                scene_id=scene_id,
                object_id=str(i),
                object_name='box',
                ann_id='0',
                description=f'box {i}',
                token=['box', str(i)]) for i in range(2)
        ]
    write_infos(tmp_path / 'infos.pkl',
                {row['scene_id']: np.eye(4)
                 for row in rows}, 'toy')
    (tmp_path / 'train.json').write_text(json.dumps(rows))
    path = tmp_path / 'config.py'
    path.write_text(CONFIG.format(root=str(tmp_path)))
    return path


@pytest.fixture
def browse(monkeypatch):
    spec = importlib.util.spec_from_file_location('browse_dataset', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['browse.py', *map(str, args)])
        module.main()

    return run


def test_browse(tmp_path, config, browse):
    out = tmp_path / 'pictures'
    browse(config, '--out', out, '--number', 2)
    names = sorted(path.name for path in out.iterdir())
    assert [name[:-8] for name in names] == [
        '000000_scene0000_00', '000000_scene0000_00', '000001_scene0001_00',
        '000001_scene0001_00'
    ]
    picture = read_image(str(out / names[0])).astype(int)
    blue = picture[..., 2] > picture[..., 0] + 100
    assert blue.sum() > 1000  # the true mask
    gray = (np.ptp(picture, axis=-1) < 3) & (abs(picture[..., 0] - 153) < 12)
    assert gray.sum() > 1000  # normalization undone: 128, faded


def test_bad_arguments(config, browse, capsys):
    for args, message in [(['none.py'], 'does not exist'),
                          ([config, '--number', 0], 'at least 1')]:
        with pytest.raises(SystemExit):
            browse(*args)
        assert message in capsys.readouterr().err


def test_data_that_are_not_there(config, browse):
    (config.parent / 'train.json').unlink()
    with pytest.raises(SystemExit) as error:
        browse(config)
    first, line, *_ = str(error.value).splitlines()
    assert first == f'error: {config} reads what is not there:'
    assert line.endswith(f'dataset.ann_file: {config.parent}/train.json')


def test_split_that_is_not_there(tmp_path, browse):
    (tmp_path / 'a.py').write_text('test_dataloader = dict()')
    with pytest.raises(SystemExit, match='a.py has no train_dataloader'):
        browse(tmp_path / 'a.py')


SSEG_CONFIG = """
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)
meta_keys = ('img_path', 'key', 'text')
train_dataloader = dict(
    dataset=dict(
        type='ImageTextDataset', data_root={root!r},
        sources=[dict(type='TarSource', tars='pairs')],
        pipeline=[
            dict(type='LoadPairImage'),
            dict(type='PackSegInputs', meta_keys=meta_keys),
        ]))
val_dataloader = dict(
    dataset=dict(
        type='ClassFileDataset', data_root={root!r} + '/eval',
        classes_file='classes.txt', ignore_index=255,
        data_prefix=dict(img_path='images/val', seg_map_path='labels/val'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ]))
"""


@pytest.mark.parametrize('split, name, panels', [
    ('train', '000001_toy-000000.tar-000000001', 1),
    ('val', '000001_00001', 2),
])
def test_pairs_and_label_maps(tmp_path, browse, split, name, panels):
    from toy.sseg.web_files import write_toy_eval, write_toy_pairs
    write_toy_pairs(tmp_path / 'pairs', 2, size=32)
    write_toy_eval(tmp_path / 'eval', 'val', 2, size=32)
    config = tmp_path / 'config.py'
    config.write_text(SSEG_CONFIG.format(root=str(tmp_path)))
    browse(config, '--out', tmp_path / 'out', '--split', split)
    pictures = sorted((tmp_path / 'out').iterdir())
    assert len(pictures) == 2 and pictures[1].stem.startswith(name)
    assert read_image(str(pictures[1])).shape[1] // 320 == panels
