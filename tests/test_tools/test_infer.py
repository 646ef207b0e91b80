import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

pytest.importorskip('mmdet3d')
pytest.importorskip('spconv')

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'infer.py'
CONFIG = """
default_scope = 'mmdet3d'
custom_imports = dict(imports=['mmlangseg.less'], allow_failed_imports=False)
model = dict(
    type='LESS',
    data_preprocessor=dict(type='LESSDataPreprocessor', voxel_size=0.05),
    text_encoder=dict(
        type='GRUTextEncoder', vocabulary={vocabulary!r}, embed_dims=8,
        hidden_channels=8),
    backbone=dict(
        type='LESSUNet', in_channels=6, channels=[8, 16], block_reps=1,
        fusion=dict(type='PWCA')),
    decoder=dict(
        type='QMP', embed_dims=16, num_queries=4, num_layers=1, num_heads=1,
        feedforward_channels=16),
    aggregator=dict(type='QSA'),
    losses=dict(seg=dict(type='WeightedBCE')))
pipeline = [
    dict(type='LoadPointsFromDict', coord_type='DEPTH', load_dim=6,
         use_dim=6, use_color=True),
    dict(type='GlobalAlignment', rotation_axis=2),
    dict(type='NormalizeScanColor'),
    dict(type='PackReferring3DInputs'),
]
test_dataloader = dict(
    dataset=dict(type='ScanReferDataset', pipeline=pipeline))
"""


def infer_in_process(monkeypatch, *args):
    """Run the tool without paying for the imports again."""
    spec = importlib.util.spec_from_file_location('infer', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, args)])
    module.main()


def make_scan(path, n_points=500):
    rng = np.random.default_rng(0)
    np.save(
        path, np.c_[rng.random((n_points, 3)),
                    rng.random((n_points, 3)) * 255].astype('f4'))
    return path


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Config and checkpoint of a tiny LESS with random weights."""
    from mmengine.registry import MODELS, init_default_scope
    folder = tmp_path_factory.mktemp('less')
    (folder / 'words.txt').write_text('the\nchair\nbrown\n')
    config = folder / 'tiny.py'
    config.write_text(CONFIG.format(vocabulary=str(folder / 'words.txt')))
    cfg = Config.fromfile(config)
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    checkpoint = folder / 'epoch_1.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), checkpoint)
    return config, checkpoint


def test_infer(tmp_path, trained):
    scan = make_scan(tmp_path / 'room.npy')
    args = (*trained, '--scan', scan, '--text', 'The brown chair.', '--text',
            'a chair', '--out', tmp_path / 'out', '--html', '--device', 'cpu')
    done = subprocess.run([sys.executable, TOOL, *map(str, args)],
                          text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    assert 'The brown chair.' in done.stdout
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'room.html', 'room.json', 'room_0.ply', 'room_0.png', 'room_1.ply',
        'room_1.png'
    ]
    written = json.loads((tmp_path / 'out' / 'room.json').read_text())
    texts = [row['text'] for row in written['results']]
    assert texts == ['The brown chair.', 'a chair']


def test_the_checkpoint_brings_its_words(tmp_path, trained):
    """Also where the file that they came from is gone."""
    from mmlangseg.apis import LESSInferencer
    points = np.load(make_scan(tmp_path / 'room.npy'))
    expected = LESSInferencer(*map(str, trained), device='cpu')
    cfg = Config.fromfile(trained[0])
    cfg.model.text_encoder.vocabulary = str(tmp_path / 'gone.txt')
    found = LESSInferencer(cfg, str(trained[1]), device='cpu')
    assert found.model.text_encoder.words == ['the', 'chair', 'brown']
    for a, b in zip(
            expected(points, ['the brown chair']),
            found(points, ['the brown chair'])):
        assert (a.mask == b.mask).all() and a.score == b.score


def test_checkpoint_of_a_wrapped_model(tmp_path, trained):
    """Whose names begin with "module."."""
    from mmlangseg.apis import LESSInferencer
    expected = LESSInferencer(*map(str, trained), device='cpu').model
    wrapper = torch.nn.Module()
    wrapper.module = expected
    torch.save(wrapper.state_dict(), tmp_path / 'wrapped.pth')
    found = LESSInferencer(
        str(trained[0]), str(tmp_path / 'wrapped.pth'), device='cpu').model
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value)


def test_device_that_is_not_there(trained, monkeypatch):
    from mmlangseg.apis import LESSInferencer
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match='device=cuda:0: torch sees no GPU'):
        LESSInferencer(*map(str, trained), device='cuda:0')


def test_two_points_and_a_very_long_sentence(tmp_path, trained, monkeypatch):
    scan = make_scan(tmp_path / 'room.npy', 2)
    text = 'a chair ' * 300
    infer_in_process(monkeypatch, *trained, '--scan', scan, '--text', text,
                     '--out', tmp_path / 'out', '--device', 'cpu')
    written = json.loads((tmp_path / 'out' / 'room.json').read_text())
    assert written['n_points'] == 2
    assert written['results'][0]['text'] == text


def test_same_masks_alone_and_together(trained):
    from mmlangseg.apis import LESSInferencer
    points = np.load(make_scan(trained[0].parent / 'room.npy'))
    inferencer = LESSInferencer(*map(str, trained), device='cpu')
    texts = ['the brown chair', 'the chair', 'brown']
    together = inferencer(points, texts)
    for text, expected in zip(texts, together):
        alone, = inferencer(points, text)
        assert (alone.mask == expected.mask).mean() > 0.99
        assert alone.score == pytest.approx(expected.score, abs=1e-3)


def test_options_of_scans(tmp_path, trained, monkeypatch):
    from mmlangseg import apis
    (tmp_path / 'a.txt').write_text('0 -1 0 2 1 0 0 3 0 0 1 4 0 0 0 1')
    scan = make_scan(tmp_path / 'room.npy')
    calls = []

    class Recorder(apis.LESSInferencer):

        def __init__(self, *args, center):
            calls.append(center)

        def __call__(self, *args, out_dir, html, scale, align):
            calls.append((scale, None if align is None else align.tolist()))
            return []

    monkeypatch.setattr(apis, 'LESSInferencer', Recorder, raising=False)
    args = (*trained, '--scan', scan, '--text', 'a', '--out', tmp_path)
    infer_in_process(monkeypatch, *args)
    infer_in_process(monkeypatch, *args, '--scale', '0.001', '--no-center',
                     '--align', tmp_path / 'a.txt')
    assert calls == [
        True, (1.0, None), False,
        (0.001, [[0, -1, 0, 2], [1, 0, 0, 3], [0, 0, 1, 4], [0, 0, 0, 1]])
    ]


@pytest.mark.parametrize(
    'option', [['--scale', '0.001'], ['--no-center'], ['--align', 'a.txt']])
def test_options_that_need_a_scan(trained, monkeypatch, capsys, option):
    with pytest.raises(SystemExit):
        infer_in_process(monkeypatch, *trained, '--image', 'a.jpg', '--text',
                         'a', '--out', 'out', *option)
    assert 'need --scan' in capsys.readouterr().err


def test_one_clear_line_for_bad_input(tmp_path, trained, monkeypatch, capsys):
    config, checkpoint = trained
    scan = make_scan(tmp_path / 'room.npy')
    other = tmp_path / 'other.pth'
    torch.save(dict(state_dict=torch.nn.Linear(2, 2).state_dict()), other)

    def refuse(message, config, checkpoint, scan, text):
        with pytest.raises(SystemExit) as stop:
            infer_in_process(monkeypatch, config, checkpoint, '--scan', scan,
                             '--text', text, '--out', tmp_path / 'out')
        assert message in f'{stop.value} {capsys.readouterr().err}'
        assert not (tmp_path / 'out').exists()

    refuse('none.py does not exist', 'none.py', checkpoint, scan, 'a')
    refuse('Sentence 1 is empty', config, checkpoint, scan, ' ')
    refuse('none.ply does not exist', config, checkpoint, 'none.ply', 'a')
    refuse('of another model', config, other, scan, 'a')


def test_several_scans(tmp_path, trained, monkeypatch, capsys):
    scan = make_scan(tmp_path / 'room.npy')
    (tmp_path / 'hall.npy').write_text('no scan')
    with pytest.raises(SystemExit) as stop:
        infer_in_process(monkeypatch, *trained, '--scan',
                         tmp_path / 'hall.npy', scan, '--text', 'a chair',
                         '--out', tmp_path / 'out', '--device', 'cpu')
    assert stop.value.code == 1
    printed = capsys.readouterr()
    assert f'2/2 {scan}\n' in printed.out and 'a chair' in printed.out
    assert 'error: 1 of 2 scans failed:\n' in printed.err
    assert 'hall.npy' in printed.err.splitlines()[-1]
    assert (tmp_path / 'out' / 'room.json').is_file()
