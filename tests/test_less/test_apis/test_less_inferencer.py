import gc
import json
import weakref

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.structures import InstanceData
from plyfile import PlyData, PlyElement
from torch import nn

pytest.importorskip('mmdet3d')
from less_model import model_config  # noqa: E402
from mmdet3d.registry import MODELS  # noqa: E402

from mmlangseg.apis import LESSInferencer, place_scan  # noqa: E402
from mmlangseg.visualization import read_image  # noqa: E402
from mmlangseg.visualization.header import ALARM  # noqa: E402


@MODELS.register_module(force=True)
class NearestColorModel(BaseModel):
    """Finds the points whose normalized red is large, if asked for red."""

    def __init__(self, channels=3):
        super().__init__(BaseDataPreprocessor())
        self.layer = nn.Linear(channels, channels)
        self.batches = []
        self.encoded = 0

    def encode(self, inputs):
        self.encoded += 1
        return inputs

    def forward(self, inputs, data_samples, mode):
        assert mode == 'predict'
        self.batches.append((inputs, data_samples))
        for points, sample in zip(inputs['points'], data_samples):
            red = points[:, 3] > 0.3
            masks = torch.stack([
                red & ('red' in expression['text'].split())
                for expression in sample.expressions
            ])
            sample.pred_instances_3d = InstanceData(
                masks=masks,
                logits=masks.float(),
                scores=torch.full((len(masks), ), 0.75))
        return data_samples


def make_config(channels=3, **dataset):
    pipeline = [
        dict(
            type='LoadPointsFromDict',
            coord_type='DEPTH',
            load_dim=6,
            use_dim=6,
            use_color=True),
        dict(type='GlobalAlignment', rotation_axis=2),
        dict(type='NormalizeScanColor'),
        dict(type='BuildReferringMasks'),
        dict(type='PackReferring3DInputs'),
    ]
    dataset = dict(dict(type='ScanReferDataset', pipeline=pipeline), **dataset)
    return Config(
        dict(
            default_scope='mmdet3d',
            custom_imports=dict(
                imports=['mmlangseg.less'], allow_failed_imports=False),
            model=dict(type='NearestColorModel', channels=channels),
            test_dataloader=dict(
                dataset=dict(type='RepeatDataset', dataset=dataset))))


def make_points(n_points=60):
    rng = np.random.default_rng(0)
    points = np.c_[rng.random((n_points, 3)), rng.random((n_points, 3)) * 255]
    return points.astype('f4')


def save_checkpoint(path, model):
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return str(path)


@pytest.fixture
def inferencer():
    return LESSInferencer(make_config(), None, device='cpu')


def test_sentences_share_one_pass(inferencer):
    points = make_points()
    results = inferencer(points, ['The RED box.', 'the blue box'])
    (inputs, samples), = inferencer.model.batches
    fed, = inputs['points']
    expected, _ = place_scan('scan', points[:, :3])
    np.testing.assert_allclose(fed[:, :3], expected, atol=1e-6)
    # normalized as the config says
    np.testing.assert_allclose(
        fed[:, 3:], (points[:, 3:] - [109.8, 97.2, 83.8]) / 256, atol=1e-6)
    assert [e['text'] for e in samples[0].expressions
            ] == ['the red box .', 'the blue box']
    red, blue = results
    inside = (points[:, 3] - 109.8) / 256 > 0.3
    assert 0 < inside.sum() < len(points)
    assert (red.mask == inside).all() and red.n_points == inside.sum()
    assert red.point_indices.tolist() == np.flatnonzero(inside).tolist()
    assert red.text == 'The RED box.' and red.score == 0.75
    np.testing.assert_allclose(red.box[0], points[inside, :3].min(0))
    np.testing.assert_allclose(red.box[1], points[inside, :3].max(0))
    assert blue.n_points == 0 and blue.box is None


SENTENCES = ['the red chair', 'a table near the door', 'the chair']


@pytest.fixture
def less(tmp_path):
    """With a small LESS of random weights."""
    config = make_config()
    config.model = model_config(tmp_path)
    torch.manual_seed(0)
    return LESSInferencer(config, None, device='cpu')


def test_open_scan_is_encoded_once(less, monkeypatch):
    points = make_points(300)
    alone = [less(points, text)[0] for text in SENTENCES]
    grids = []
    encode = less.model.backbone.encode_scenes

    def encode_scenes(scenes):
        encoded = encode(scenes)
        grids.append(weakref.ref(encoded.grid))
        return encoded

    monkeypatch.setattr(less.model.backbone, 'encode_scenes', encode_scenes)
    opened = less.open(points)
    assert opened.name == 'scan' and (opened.points == points).all()
    for _ in range(2):
        for text, expected in zip(SENTENCES, alone):
            result, = opened.find(text)
            np.testing.assert_array_equal(result.logits, expected.logits)
            np.testing.assert_array_equal(result.mask, expected.mask)
            assert (result.text, result.score) == (text, expected.score)
    assert len(grids) == 1 and grids[0]() is not None
    del opened
    gc.collect()
    assert grids[0]() is None


def test_open_scan_goes_on_after_an_error(less):
    opened = less.open(make_points(300))
    with pytest.raises(ValueError, match='Sentence 1 is empty'):
        opened.find(' ')
    assert len(opened.find(SENTENCES)) == 3


def test_other_thresholds(less):
    result, = less(make_points(300), SENTENCES[2])
    probability = 1 / (1 + np.exp(-result.logits.astype(float)))
    assert 0 < result.n_points < 300
    np.testing.assert_array_equal(result.mask_above(0.5), result.mask)
    for threshold in np.quantile(probability, [0.1, 0.9]) + 1e-6:
        above = probability > threshold
        np.testing.assert_array_equal(result.mask_above(threshold), above)
    assert result.score == pytest.approx(probability[result.mask].mean())
    # a probability of one half, but for rounding
    result.logits[:] = 1e-9
    assert result.mask_above(0.5).all()
    result.logits[:] = 0  # one half is not above one half
    assert not result.mask_above(0.5).any()
    with pytest.raises(ValueError, match='between 0 and 1, got 1'):
        result.mask_above(1.0)


def test_raw_sentence_if_trained_on_it():
    inferencer = LESSInferencer(
        make_config(text='description'), None, device='cpu')
    inferencer(make_points(), ['The RED box.', ' The RED box.\n'])
    (_, samples), = inferencer.model.batches
    assert [each['text']
            for each in samples[0].expressions] == ['The RED box.'] * 2


def test_files(tmp_path, inferencer):
    points = make_points()
    np.save(tmp_path / 'room.npy', points)
    out = tmp_path / 'out'
    results = inferencer(
        tmp_path / 'room.npy', ['red', 'blue'], out_dir=out, html=True)
    assert sorted(path.name for path in out.iterdir()) == [
        'room.html', 'room.json', 'room_0.ply', 'room_0.png', 'room_1.ply',
        'room_1.png'
    ]
    vertex = PlyData.read(str(out / 'room_0.ply'))['vertex'].data
    assert (vertex['referred'] == results[0].mask).all()
    written = json.loads((out / 'room.json').read_text())
    first, second = written['results']
    assert written['n_points'] == 60
    assert first['point_indices'] == results[0].point_indices.tolist()
    assert first['box']['max'] == pytest.approx(results[0].box[1].tolist())
    assert first['text'] == 'red' and first['score'] == 0.75
    assert second['box'] is None and second['point_indices'] == []


def fed_to(inferencer):
    """Coordinates of the last scan that the model got."""
    return inferencer.model.batches[-1][0]['points'][0][:, :3].numpy()


def test_georeferenced_scan(tmp_path, inferencer):
    points = make_points()
    near, = inferencer(points, 'red')
    there = fed_to(inferencer)
    far = points.astype(float) + [456123.4, 5412345.6, 310, 0, 0, 0]
    names = ['x', 'y', 'z', 'red', 'green', 'blue']
    vertex = np.rec.fromarrays(far.T, names=names)
    PlyData([PlyElement.describe(vertex,
                                 'vertex')]).write(str(tmp_path / 'utm.ply'))
    result, = inferencer(
        tmp_path / 'utm.ply', 'red', out_dir=tmp_path / 'out', html=True)
    np.testing.assert_allclose(fed_to(inferencer), there, atol=1e-5)
    # what comes out is where the scan is
    inside = far[near.mask, :3]
    np.testing.assert_array_equal(result.mask, near.mask)
    np.testing.assert_array_equal(result.box, [inside.min(0), inside.max(0)])
    written = json.loads((tmp_path / 'out' / 'utm.json').read_text())
    assert written['results'][0]['box']['min'] == inside.min(0).tolist()
    vertex = PlyData.read(str(tmp_path / 'out' / 'utm_0.ply'))['vertex']
    np.testing.assert_array_equal(
        np.stack([vertex[n] for n in 'xyz'], 1), far[:, :3])


def test_frame_of_the_model():
    points = make_points()
    inferencer = LESSInferencer(
        make_config(), None, device='cpu', center=False)
    inferencer(points, 'red')
    np.testing.assert_allclose(fed_to(inferencer), points[:, :3])
    align = np.eye(4)
    align[:2] = [[0, -1, 0, 4], [1, 0, 0, 0]]
    result, = inferencer(
        points * [1000, 1000, 1000, 1, 1, 1], 'red', scale=0.001, align=align)
    x, y, z = points[:, :3].T
    np.testing.assert_allclose(
        fed_to(inferencer), np.c_[4 - y, x, z], atol=1e-5)
    # the box is still in millimeters and not turned
    np.testing.assert_allclose(
        result.box[1], 1000 * points[result.mask, :3].max(0), rtol=1e-6)


def test_millimeters(tmp_path, inferencer):
    path = tmp_path / 'room.npy'
    np.save(path, make_points() * [5000, 5000, 2500, 1, 1, 1])
    with pytest.raises(ValueError, match='room.npy.*--scale 0.001'):
        inferencer(path, 'red')
    inferencer(path, 'red', scale=0.001)


def test_scan_of_two_points(tmp_path, inferencer):
    result, = inferencer(make_points(2), 'red', out_dir=tmp_path)
    assert result.mask.shape == (2, )


@pytest.mark.parametrize('texts', ['', ' \n', ['red', ''], [None]])
def test_empty_sentence(inferencer, texts):
    with pytest.raises(ValueError, match='Sentence [12] is empty'):
        inferencer(make_points(), texts)


def test_bad_input(inferencer):
    with pytest.raises(ValueError, match='at least one sentence'):
        inferencer(make_points(), [])
    points = make_points()
    points[3, 2] = np.inf
    with pytest.raises(ValueError, match='first is point 3'):
        inferencer(points, 'red')
    config = make_config()
    pipeline = config.test_dataloader.dataset.dataset.pipeline
    pipeline.insert(3, dict(type='PointSample', num_points=10))
    with pytest.raises(ValueError, match='10 of 60 points'):
        LESSInferencer(config, None, device='cpu')(make_points(), 'red')


@pytest.mark.parametrize('step', [
    dict(type='PointShuffle'),
    dict(type='PointSample', num_points=60),
])
def test_points_in_another_order(step):
    """As many points as before, but masks would be of others."""
    config = make_config()
    config.test_dataloader.dataset.dataset.pipeline.insert(3, step)
    with pytest.raises(ValueError, match='changed the order of the points'):
        LESSInferencer(config, None, device='cpu')(make_points(), 'red')


def test_checkpoints(tmp_path, inferencer):
    path = save_checkpoint(tmp_path / 'a.pth', inferencer.model)
    loaded = LESSInferencer(make_config(), path, device='cpu')
    assert torch.equal(loaded.model.layer.weight,
                       inferencer.model.layer.weight)
    assert not loaded.model.training
    other = save_checkpoint(tmp_path / 'b.pth',
                            nn.Sequential(nn.Conv2d(1, 2, 3)))
    with pytest.raises(ValueError, match='of another model'):
        LESSInferencer(make_config(), other, device='cpu')
    with pytest.raises(ValueError, match='differ in size'):
        LESSInferencer(make_config(channels=4), path, device='cpu')


def test_unknown_words_are_named(tmp_path, inferencer):
    """In the result, the JSON, the picture and the viewer."""
    inferencer.model.text_encoder = MODELS.build(
        dict(type='GRUTextEncoder', vocabulary=['the', 'red', 'box', '.']))
    known, unknown = inferencer(
        make_points(), ['The red box.', 'the red zebra'], tmp_path, html=True)
    assert known.unknown_words == [] and known.warning == ''
    assert unknown.unknown_words == ['zebra']
    assert unknown.warning == "the text encoder does not know 'zebra'"
    rows = json.loads((tmp_path / 'scan.json').read_text())['results']
    assert [row['unknown_words'] for row in rows] == [[], ['zebra']]
    page = (tmp_path / 'scan.html').read_text()
    assert page.count("does not know 'zebra'") == 1
    assert "$('warning').textContent = row.warning" in page
    heights = []
    for i in range(2):
        picture = read_image(str(tmp_path / f'scan_{i}.png'))
        heights.append(len(picture))
        assert (picture == ALARM).all(-1).any() == (i == 1)
    assert heights[1] > heights[0]


def test_many_scans(inferencer, tmp_path):
    """One pass per scan; a folder is read in the order of its names."""
    for name, count in (('b', 40), ('a', 60)):
        np.save(tmp_path / f'{name}.npy', make_points(count))
    (tmp_path / 'notes.txt').touch()
    np.save(tmp_path / 'a.labels.npy', np.zeros(60, int))  # of own_scans.py
    texts = ['the red box', 'the blue box']
    found = inferencer(tmp_path, texts, tmp_path / 'out', scale=2.)
    assert [len(results[0].mask) for results in found] == [60, 40]
    assert len(inferencer.model.batches) == 2
    alone = inferencer(tmp_path / 'b.npy', texts, scale=2.)
    assert (found[1][0].mask == alone[0].mask).all()
    assert (tmp_path / 'out' / 'a_1.ply').is_file()
    with pytest.raises(ValueError, match='Sentence 2 is empty'):
        inferencer([tmp_path / 'none.npy'], ['a', ''])
