import json

import cv2
import lavt_model
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from mmlangseg.apis import SemiRESInferencer
from mmlangseg.visualization import read_image
from mmlangseg.visualization.header import ALARM

TEXT = 'the red dog left of a car'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Config and checkpoint of a small LAVT, and a picture."""
    folder = tmp_path_factory.mktemp('lavt')
    lavt_model.write_config(folder)
    init_default_scope('mmseg')
    model = lavt_model.build(lavt_model.model_config(folder))
    lavt_model.save_checkpoint(folder / 'best.pth', model)
    write_picture(folder / 'street.png')
    return folder


def write_picture(path, size=(50, 70), seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture(scope='module')
def inferencer(folder):
    return SemiRESInferencer(
        folder / 'tiny.py', folder / 'best.pth', device='cpu')


def test_images_that_are_padded(folder):
    """By the pipeline: masks were stretched with the padding. What the model's
    preprocessor pads, predictions undo."""
    pixels = np.zeros((40, 120, 3), np.uint8)
    bright = np.arange(120) < 60
    pixels[:, bright] = 255

    def find(padded_by):
        cfg = Config.fromfile(folder / 'tiny.py')
        steps = cfg.test_dataloader.dataset.pipeline
        steps[2].keep_ratio = True
        if padded_by == 'pipeline':
            steps.insert(3, dict(type='Pad', size=(64, 64)))
        else:
            cfg.model.data_preprocessor.test_cfg = dict(size=(64, 64))
        inferencer = SemiRESInferencer(cfg, None, device='cpu')
        inferencer.model.logits = lambda inputs, samples: torch.cat(
            [-inputs.mean(1, keepdim=True),
             inputs.mean(1, keepdim=True)], 1)
        return inferencer(pixels, 'the man')[0].mask

    assert (find('preprocessor') == bright).all()
    with pytest.raises(ValueError, match='pipeline of the config crops or pa'):
        find('pipeline')


def test_equals_testing_at_the_original_size(folder, inferencer):
    """The same path through another door."""
    cfg = Config.fromfile(folder / 'tiny.py')
    data = cfg.test_dataloader.dataset
    data.pipeline[1], data.pipeline[2] = data.pipeline[2], data.pipeline[1]
    init_default_scope('mmseg')
    dataset = DATASETS.build(data)
    model = lavt_model.build(
        lavt_model.model_config(folder, eval_size='original')).eval()
    model.load_state_dict(torch.load(folder / 'best.pth')['state_dict'])
    packed = dataset[1]
    with torch.no_grad():
        expected, = model.test_step(pseudo_collate([packed]))
    sample = packed['data_samples']
    pixels = np.asarray(Image.open(sample.img_path))
    result, = inferencer(pixels, sample.text)
    expected_mask = expected.pred_sem_seg.data[0].numpy() == 1
    assert 0 < expected_mask.sum() < expected_mask.size
    assert (result.mask == expected_mask).all()
    prob = expected.seg_logits.data.softmax(0)[1].numpy()
    assert result.score == pytest.approx(prob[expected_mask].mean(), abs=1e-6)


def test_files(folder, inferencer, tmp_path):
    results = inferencer(folder / 'street.png', [TEXT, 'man'], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'street.json', 'street_0.png', 'street_0_mask.png', 'street_1.png',
        'street_1_mask.png'
    ]
    written = json.loads((tmp_path / 'street.json').read_text())
    assert written['size'] == [50, 70]
    assert [row['text'] for row in written['results']] == [TEXT, 'man']
    for row, result in zip(written['results'], results):
        assert result.mask.shape == (50, 70)
        mask = cv2.imread(str(tmp_path / row['mask']), cv2.IMREAD_UNCHANGED)
        assert mask.ndim == 2 and (mask == 255 * result.mask).all()
        assert row['n_pixels'] == result.mask.sum()
        assert row['score'] == result.score and row['box'] == result.box
        overlay = read_image(str(tmp_path / row['overlay']))
        # small pictures are enlarged, by 5 here, below a line of text
        assert overlay.shape[0] > 5 * 50 and overlay.shape[1] == 5 * 70


def test_box_and_score(inferencer):
    pixels = np.random.default_rng(1).integers(0, 256, (64, 80, 3), np.uint8)
    result, = inferencer(pixels, TEXT)
    rows, columns = np.nonzero(result.mask)
    x, y, width, height = result.box
    assert (x, y) == (columns.min(), rows.min())
    assert (x + width - 1, y + height - 1) == (columns.max(), rows.max())
    assert 0.5 < result.score <= 1


def test_nothing_found(folder, inferencer, tmp_path, monkeypatch):
    head = inferencer.model.decode_head.conv_seg
    monkeypatch.setattr(head.bias, 'data', torch.tensor([100., -100.]))
    result, = inferencer(folder / 'street.png', TEXT, tmp_path)
    assert not result.mask.any() and result.box is None and result.score == 0
    row, = json.loads((tmp_path / 'street.json').read_text())['results']
    assert row['box'] is None and row['n_pixels'] == 0


def test_sentences_do_not_depend_on_each_other(folder, inferencer):
    path = folder / 'street.png'
    texts = [TEXT, 'man', 'a car near the man']
    together = inferencer(path, texts)
    assert [result.text for result in together] == texts
    assert together[0].mask.tolist() != together[1].mask.tolist()
    for text, expected in zip(texts, together):
        alone, = inferencer(path, text)
        assert (alone.mask == expected.mask).all()
        assert alone.score == expected.score


def test_semires_predicts_with_the_teacher(folder):
    """The config of mutual learning, whose checkpoint has two networks."""
    cfg = Config.fromfile(folder / 'tiny.py')
    network = cfg.model
    cfg.model = dict(
        type='SemiRES',
        segmentor=network,
        data_preprocessor=dict(
            type='mmdet.MultiBranchDataPreprocessor',
            data_preprocessor=network.data_preprocessor))
    semires = SemiRESInferencer(cfg, None, device='cpu')
    assert 'eval_size' not in network  # the caller's config is as it was
    state = torch.load(folder / 'best.pth')['state_dict']
    semires.model.teacher.load_state_dict(state)
    lavt = SemiRESInferencer(
        folder / 'tiny.py', folder / 'best.pth', device='cpu')
    one, = semires(folder / 'street.png', TEXT)
    other, = lavt(folder / 'street.png', TEXT)
    assert one.score == other.score and (one.mask == other.mask).all()


def test_very_long_sentence(folder, inferencer, tmp_path):
    text = ' '.join(['the', 'red'] * 100)
    result, = inferencer(folder / 'street.png', text, tmp_path)
    assert result.text == text and len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize('texts', ['', ' \n', ['man', ''], [None]])
def test_empty_sentence(folder, inferencer, texts, tmp_path):
    with pytest.raises(ValueError, match='Sentence [12] is empty'):
        inferencer(folder / 'street.png', texts, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_bad_images(inferencer, tmp_path):
    with pytest.raises(FileNotFoundError, match='none.jpg does not exist'):
        inferencer(tmp_path / 'none.jpg', 'man')
    (tmp_path / 'text.jpg').write_text('not a picture')
    with pytest.raises(ValueError, match='text.jpg is not an image'):
        inferencer(tmp_path / 'text.jpg', 'man')
    (tmp_path / 'empty.jpg').touch()
    with pytest.raises(ValueError, match='empty.jpg is not an image'):
        inferencer(tmp_path / 'empty.jpg', 'man')
    with pytest.raises(ValueError, match='uint8 RGB'):
        inferencer(np.zeros((4, 4)), 'man')
    with pytest.raises(ValueError, match='at least one sentence'):
        inferencer(tmp_path / 'none.jpg', [])


def test_gray_and_transparent_images(inferencer, tmp_path):
    write_picture(tmp_path / 'a.png')
    picture = Image.open(tmp_path / 'a.png')
    for mode in ('L', 'RGBA', 'P'):
        picture.convert(mode).save(tmp_path / f'{mode}.png')
        result, = inferencer(tmp_path / f'{mode}.png', 'man')
        assert result.mask.shape == (50, 70)


def test_other_checkpoints_and_configs(folder, tmp_path):
    other = lavt_model.save_checkpoint(tmp_path / 'other.pth',
                                       torch.nn.Conv2d(1, 2, 3))
    with pytest.raises(ValueError, match='of another model'):
        SemiRESInferencer(folder / 'tiny.py', other, device='cpu')
    cfg = Config.fromfile(folder / 'tiny.py')
    cfg.default_scope = 'mmdet3d'
    with pytest.raises(
            ValueError, match='images one of LAVT, SemiRES or S-Seg'):
        SemiRESInferencer(cfg, None, device='cpu')


def test_unknown_words_are_named(folder, inferencer, tmp_path):
    """In the result, the JSON and the picture."""
    known, unknown = inferencer(folder / 'street.png',
                                ['the man', 'Zebra near the okapi'], tmp_path)
    assert known.unknown_words == [] and known.warning == ''
    assert unknown.unknown_words == ['zebra', 'okapi']
    assert unknown.warning == "the text encoder does not know 'zebra', 'okapi'"
    rows = json.loads((tmp_path / 'street.json').read_text())['results']
    assert [row['unknown_words'] for row in rows] == [[], ['zebra', 'okapi']]
    for i in range(2):
        picture = read_image(str(tmp_path / f'street_{i}.png'))
        assert (picture == ALARM).all(-1).any() == (i == 1)


def test_many_images(folder, inferencer, tmp_path):
    """In batches of pairs, of which some have images of another size."""
    paths = [tmp_path / f'{name}.png' for name in 'abc']
    for seed, path in enumerate(paths):
        write_picture(path, (50 + 10 * (seed == 1), 70), seed)
    texts = [TEXT, 'man']
    expected = [inferencer(path, texts) for path in paths]
    for inputs, batch_size in ((paths, 1), (tmp_path, 4), (tmp_path, 16)):
        found = inferencer(
            inputs, texts, tmp_path / 'out', batch_size=batch_size)
        assert len(found) == 3
        for results, alone in zip(found, expected):
            assert [r.text for r in results] == texts
            for one, other in zip(results, alone):
                assert one.mask.shape == other.mask.shape
                assert (one.mask != other.mask).mean() < 1e-3
                assert one.score == pytest.approx(other.score, abs=1e-5)
    assert len(list((tmp_path / 'out').iterdir())) == 3 * 5


def test_a_bad_image_in_a_batch(folder, inferencer, tmp_path):
    bad = tmp_path / 'bad.png'
    bad.write_text('no image')
    first, second = inferencer.each([bad, folder / 'street.png'],
                                    'man',
                                    batch_size=2)
    assert first.result is None and 'not an image' in str(first.error)
    assert second.error is None and second.result[0].mask.shape == (50, 70)


def test_nothing_found_by_the_head(folder):
    """The mask and the box are empty, as where no pixel is found."""
    cfg = Config.fromfile(folder / 'tiny.py')
    cfg.model.no_target = dict(channels=8)
    model = lavt_model.build(
        lavt_model.model_config(folder, no_target=dict(channels=8)))
    model.no_target.layers[-1].bias.data = torch.tensor([-9., 9.])
    path = folder / 'no_target.pth'
    lavt_model.save_checkpoint(path, model)
    inferencer = SemiRESInferencer(cfg, str(path), device='cpu')
    result, = inferencer(folder / 'street.png', TEXT, folder / 'nothing')
    assert result.box is None and not result.mask.any() and result.score == 0
    row, = json.loads((folder / 'nothing/street.json').read_text())['results']
    assert row['n_pixels'] == 0 and row['box'] is None
