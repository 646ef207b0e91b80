import json

import cv2
import lavt_model
import numpy as np
import pytest
import sseg_model
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from mmlangseg.apis import SemiRESInferencer, SSegInferencer
from mmlangseg.apis.model import test_dataset as find_test_dataset
from mmlangseg.sseg.vocabulary import Vocabulary
from mmlangseg.visualization import read_image
from mmlangseg.visualization.header import ALARM


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Config and checkpoint of a small S-Seg, and pictures."""
    folder = tmp_path_factory.mktemp('sseg')
    sseg_model.write_config(folder)
    init_default_scope('mmseg')
    model = sseg_model.build(sseg_model.model_config(folder))
    sseg_model.save_checkpoint(folder / 'best.pth', model)
    return folder


@pytest.fixture(scope='module')
def inferencer(folder):
    return SSegInferencer(
        folder / 'tiny.py', folder / 'best.pth', device='cpu')


@pytest.fixture
def picture(folder):
    return folder / 'data' / 'images' / '0.png'  # 40 x 56 pixels


def test_equals_testing(folder, inferencer):
    """The same path through another door."""
    cfg = Config.fromfile(folder / 'tiny.py')
    init_default_scope('mmseg')
    packed = DATASETS.build(cfg.test_dataloader.dataset)[0]
    model = sseg_model.build(sseg_model.model_config(folder)).eval()
    model.load_state_dict(torch.load(folder / 'best.pth')['state_dict'])
    with torch.no_grad():
        expected, = model.test_step(pseudo_collate([packed]))
    pixels = np.asarray(Image.open(packed['data_samples'].img_path))
    result = inferencer(pixels)
    assert result.names == ('background', 'cat', 'dog', 'grass')
    labels = expected.pred_sem_seg.data[0].numpy()
    assert result.labels.dtype == np.int64
    assert (result.labels == labels).all() and len(np.unique(labels)) > 1
    probs = expected.seg_logits.data.numpy()
    np.testing.assert_allclose(result.confidence, probs.max(0), atol=1e-6)
    for found in result.classes:
        mask = labels == found.label
        assert found.name == result.names[found.label]
        assert found.n_pixels == mask.sum()
        assert found.share == pytest.approx(mask.mean())
        assert found.score == pytest.approx(
            probs[found.label][mask].mean(), abs=1e-5)
    shares = [found.share for found in result.classes]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)


def test_config_of_a_training(tmp_path, picture):
    """It describes the trained model; what only training needs, such as DINO
    from the hub, is not built."""
    path = sseg_model.write_training_config(tmp_path)
    cfg = Config.fromfile(path)
    assert 'test_dataloader' not in cfg
    assert cfg.model.pseudo_mask_generator.features.pretrained
    cfg.model.pseudo_mask_generator = None
    init_default_scope('mmseg')
    model = sseg_model.build(cfg.model)
    checkpoint = sseg_model.save_checkpoint(tmp_path / 'a.pth', model)
    inferencer = SSegInferencer(path, checkpoint, device='cpu')
    assert inferencer.model.pseudo_mask_generator is None
    assert inferencer.model.mask_loss is None
    assert inferencer.model.test_cfg.mode == 'slide'
    result = inferencer(picture, 'cat,dog', out_dir=tmp_path / 'out')
    assert result.labels.shape == (40, 56)
    # as the config of a benchmark tests it
    resize, = (
        step for step in inferencer.pipeline.transforms
        if type(step).__name__ == 'Resize')
    assert resize.scale == (2048, 448) and resize.backend == 'pillow'


def test_pseudo_masks_of_the_baselines(folder, picture):
    """They divide the images, so the generator stays."""
    cfg = Config.fromfile(folder / 'tiny.py')
    model = cfg.model
    model.type = 'PseudoMaskClassifier'
    model.visual_projection.in_channels = 64
    del model.decode_head, model.mask_loss
    inferencer = SSegInferencer(cfg, None, device='cpu')
    assert inferencer.model.pseudo_mask_generator is not None
    assert inferencer(picture).labels.shape == (40, 56)


def test_config_without_a_test_pipeline(folder):
    cfg = Config.fromfile(folder / 'tiny.py')
    cfg.pop('test_dataloader')
    message = 'tiny.py has neither test_dataloader nor test_pipeline'
    with pytest.raises(ValueError, match=message):
        SSegInferencer(cfg, None, device='cpu')
    with pytest.raises(ValueError, match='tiny.py has no test_dataloader'):
        find_test_dataset(cfg)


def test_own_classes_have_no_background(inferencer, picture, tmp_path):
    names = ('red', 'photo')
    result = inferencer(picture, list(names))
    assert result.names == names
    path = tmp_path / 'names.txt'
    path.write_text('red\nphoto\n')
    for same in ('red,photo', str(path), path, Vocabulary(names),
                 dict(classes=names)):
        other = inferencer(picture, same)
        assert (other.labels == result.labels).all()
        assert other.names == names
    # the next one without classes has the config's again
    assert len(inferencer(picture).names) == 4


def test_threshold(inferencer, picture):
    plain = inferencer(picture, 'red,photo')
    threshold = float(np.median(plain.confidence))
    result = inferencer(picture, 'red,photo', threshold=threshold)
    assert result.names == ('background', 'red', 'photo')
    sure = plain.confidence > threshold
    assert (result.labels == np.where(sure, plain.labels + 1, 0)).all()
    own = inferencer(picture)
    everything = inferencer(picture, threshold=0.)
    assert (everything.labels > 0).all() and (own.labels == 0).any()
    assert (inferencer(picture).labels == own.labels).all()


@pytest.mark.parametrize('threshold', [50., -0.1, float('nan')])
def test_bad_thresholds(inferencer, picture, threshold):
    message = f'threshold={threshold:g} must be from 0 to 1'
    with pytest.raises(ValueError, match=message):
        inferencer(picture, threshold=threshold)


def test_templates_are_those_of_the_config(inferencer, picture):
    """Not those of the call before."""
    plain = inferencer(picture, 'red,photo')
    inferencer(picture, dict(classes=['red', 'photo'], templates='full'))
    assert len(inferencer.model.vocabulary.templates) == 80
    again = inferencer(picture, 'red,photo')
    assert inferencer.model.vocabulary.templates == ('a photo of a {}.', )
    assert (again.confidence == plain.confidence).all()


def test_a_benchmark_and_a_file_with_ids(inferencer, picture, tmp_path):
    result = inferencer(picture, 'voc21')
    assert len(result.names) == 21 and result.names[0] == 'background'
    path = tmp_path / 'classes.txt'
    path.write_text('0\tbackground\n2 dog;puppy\n1 cat\n')
    assert inferencer(picture, path).names == ('background', 'cat', 'dog')


def test_classes_are_embedded_once(inferencer, picture, monkeypatch):
    seen = []
    monkeypatch.setattr(
        inferencer.model, 'embed_texts',
        lambda texts: seen.append(texts) or torch.ones(len(texts), 8))
    for _ in range(3):
        inferencer(picture, 'a red dog,photo')
        inferencer(picture, 'a red dog,photo', threshold=0.9)
    assert len(seen) == 1


def test_files(inferencer, picture, tmp_path):
    result = inferencer(picture, 'cat,dog', out_dir=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        '0.json', '0.png', '0_labels.png'
    ]
    labels = cv2.imread(str(tmp_path / '0_labels.png'), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint8 and (labels == result.labels).all()
    written = json.loads((tmp_path / '0.json').read_text())
    assert written['size'] == [40, 56] and written['labels'] == ['cat', 'dog']
    assert written['classes'] == [vars(found) for found in result.classes]
    overlay = read_image(str(tmp_path / written['overlay']))
    assert overlay.shape[0] > 40 and overlay.shape[1] >= 320


def test_more_than_255_classes(inferencer, picture, tmp_path):
    names = [f'{"cat " * (i % 17)}{"dog " * i}' for i in range(1, 1001)]
    result = inferencer(picture, names, out_dir=tmp_path)
    labels = cv2.imread(str(tmp_path / '0_labels.png'), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint16 and (labels == result.labels).all()
    assert len(result.names) == 1000 and result.labels.max() < 1000


@pytest.mark.parametrize('size', [(1, 1), (1, 90), (90, 1)])
def test_image_of_one_pixel(inferencer, tmp_path, size):
    pixels = np.full((*size, 3), 7, np.uint8)
    result = inferencer(pixels, 'cat,dog', out_dir=tmp_path)
    assert result.labels.shape == size
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize('classes, message', [
    ('', 'the vocabulary is empty'),
    ([], 'the vocabulary is empty'),
    ('cat,,dog', 'empty name'),
    (['cat', 'Cat'], 'given twice'),
    ('lvis', "'lvis' has its names in a file"),
])
def test_bad_classes(inferencer, picture, tmp_path, classes, message):
    with pytest.raises(ValueError, match=message):
        inferencer(picture, classes, out_dir=tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_bad_images(inferencer, tmp_path):
    with pytest.raises(FileNotFoundError, match='none.jpg does not exist'):
        inferencer(tmp_path / 'none.jpg')
    (tmp_path / 'text.jpg').write_text('not a picture')
    with pytest.raises(ValueError, match='text.jpg is not an image'):
        inferencer(tmp_path / 'text.jpg')
    with pytest.raises(ValueError, match='uint8 RGB'):
        inferencer(np.zeros((4, 4)))
    with pytest.raises(FileNotFoundError, match='none.txt does not exist'):
        inferencer(np.zeros((4, 4, 3), np.uint8), 'none.txt')


def test_no_classes_at_all(folder, picture):
    cfg = Config.fromfile(folder / 'tiny.py')
    cfg.model.vocabulary = None
    inferencer = SSegInferencer(cfg, folder / 'best.pth', device='cpu')
    with pytest.raises(ValueError, match='the config names no classes'):
        inferencer(picture)
    assert inferencer(picture, 'cat').labels.max() == 0


def test_other_checkpoints_and_configs(folder, tmp_path):
    other = sseg_model.build(
        sseg_model.model_config(
            folder,
            text_encoder=dict(
                type='CLIPTextTransformer',
                embed_dims=8,
                num_layers=1,
                num_heads=1)))
    path = sseg_model.save_checkpoint(tmp_path / 'clip.pth', other)
    with pytest.raises(
            ValueError, match=f'{path} is of another model .*text_encoder'):
        SSegInferencer(folder / 'tiny.py', path, device='cpu')
    path = sseg_model.save_checkpoint(tmp_path / 'other.pth',
                                      torch.nn.Conv2d(1, 2, 3))
    with pytest.raises(ValueError, match='of another model'):
        SSegInferencer(folder / 'tiny.py', path, device='cpu')
    with pytest.raises(ValueError, match='use SSegInferencer'):
        SemiRESInferencer(folder / 'tiny.py', None, device='cpu')
    lavt = lavt_model.write_config(tmp_path)
    with pytest.raises(ValueError, match='LAVT of this config does not take'):
        SSegInferencer(lavt, None, device='cpu')


def test_unknown_words_are_named(inferencer, picture, tmp_path):
    """In the result, the JSON and the picture; and which classes are then the
    same to the model."""
    result = inferencer(
        picture, 'zebra,red dog,Giraffe;cat;red giraffe,cat', out_dir=tmp_path)
    expected = {'zebra': ['zebra'], 'Giraffe': ['giraffe']}
    assert result.unknown_words == expected
    assert result.warning == ("the text encoder does not know 'zebra', "
                              "'giraffe' in names of classes")
    written = json.loads((tmp_path / '0.json').read_text())
    assert written['unknown_words'] == expected
    assert written['warning'] == result.warning
    overlay = read_image(str(tmp_path / written['overlay']))
    assert (overlay == ALARM).all(-1).any()
    inferencer(picture, 'cat,dog', out_dir=tmp_path)
    written = json.loads((tmp_path / '0.json').read_text())
    assert written['unknown_words'] == {} and written['warning'] == ''
    overlay = read_image(str(tmp_path / written['overlay']))
    assert not (overlay == ALARM).all(-1).any()


def test_classes_of_unknown_words_are_the_same(inferencer, picture):
    result = inferencer(picture, 'zebra,cat,okapi,red lamp,red sofa')
    assert result.warning.endswith(
        'in names of classes, and cannot tell apart zebra = okapi, red lamp = '
        'red sofa: the first one gets the pixels')
    # they are, and so neither of the later ones is ever found
    embeddings = inferencer.model.class_embeddings()
    assert torch.equal(embeddings[0], embeddings[2])
    assert not {2, 4} & set(np.unique(result.labels).tolist())


def test_many_images(folder, inferencer, tmp_path):
    """In batches of those that have one size after the pipeline."""
    images = folder / 'data' / 'images'
    paths = sorted(images.glob('*.png'))[:2]
    tall = np.random.default_rng(0).integers(0, 256, (70, 30, 3), np.uint8)
    Image.fromarray(tall).save(tmp_path / 'tall.png')
    paths.insert(1, tmp_path / 'tall.png')
    expected = [inferencer(path, 'cat,dog', threshold=0.4) for path in paths]
    for batch_size in (1, 3):
        found = inferencer(
            paths,
            'cat,dog',
            threshold=0.4,
            out_dir=tmp_path / 'out',
            batch_size=batch_size)
        for one, other in zip(found, expected):
            assert one.names == other.names
            assert one.labels.shape == other.labels.shape
            assert (one.labels != other.labels).mean() < 1e-3
            np.testing.assert_allclose(
                one.confidence, other.confidence, atol=1e-4)
    assert len(list((tmp_path / 'out').glob('*.json'))) == 3
