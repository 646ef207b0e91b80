from __future__ import annotations

import numpy as np
import pytest
import torch
from image_kinds import encode_png
from mmengine.registry import init_default_scope
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS
from mmseg.visualization import SegLocalVisualizer
from PIL import Image

from mmlangseg.sseg.transforms import LoadWideAnnotations


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture
def load(tmp_path):

    def load(image, results=None, **kwargs):
        path = tmp_path / 'labels.png'
        if isinstance(image, np.ndarray):
            image = Image.fromarray(image)
        # Pillow has no PNG of 32 bits; it reads by content, not by name
        image.save(path, 'TIFF' if image.mode == 'I' else 'PNG')
        transform = TRANSFORMS.build(
            dict(type='LoadWideAnnotations', **kwargs))
        results = dict(results or {}, seg_map_path=str(path))
        return transform(results)['gt_seg_map']

    return load


@pytest.mark.parametrize('dtype, ids', [
    (np.uint8, [[0, 1, 254], [255, 7, 8]]),
    (np.uint16, [[0, 255, 256], [1203, 65534, 65535]]),
    (np.int32, [[0, 1, 256], [65535, 65536, 5]]),
])
def test_depths(load, dtype, ids):
    labels = load(np.array(ids, dtype))
    assert labels.dtype == np.int32
    assert labels.tolist() == ids


@pytest.mark.parametrize('steps, fits', [
    ([dict(type='Resize', scale=(9, 7), keep_ratio=True),
      dict(type='RandomFlip', prob=1.)], True),
    ([dict(type='RandomCrop', crop_size=(2, 2))], False),
    ([dict(type='Resize', scale=(9, 7), keep_ratio=True),
      dict(type='Pad', size_divisor=8)], False),
])  # yapf: disable
def test_labels_are_of_whole_images(load, steps, fits):
    given = dict(
        img=np.zeros((2, 3, 3), np.uint8),
        img_path='a.jpg',
        img_shape=(2, 3),
        ori_shape=(2, 3))
    for step in steps:
        given = TRANSFORMS.build(step)(given)
    labels = np.zeros((2, 3), np.uint8)
    if fits:
        assert load(labels, given).shape == (2, 3)
        return
    with pytest.raises(
            ValueError,
            match='a.jpg: LoadWideAnnotations must stand before whatever cr'):
        load(labels, given)


def test_palette_gives_indices(load):
    image = Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8), 'P')
    image.putpalette([9, 9, 9, 8, 8, 8, 7, 7, 7, 6, 6, 6])
    assert load(image).tolist() == [[0, 1], [2, 3]]


def test_colors(load):
    rgb = np.array([[[1, 2, 0], [0, 0, 1], [232, 3, 0]]], np.uint8)
    assert load(rgb, rgb=True).tolist() == [[513, 65536, 1000]]
    labels = load(rgb, rgb=True, ignore_ids=(1000, ), ignore_index=-1)
    assert labels.tolist() == [[513, 65536, -1]]


def test_zero_ignored(load):
    ids = np.array([[0, 1, 255, 256, 65535]], np.uint16)
    reduced = load(ids, dict(reduce_zero_label=True, label_map=None))
    assert reduced.tolist() == [[65535, 0, 254, 255, 65535]]
    assert load(ids, dict(reduce_zero_label=False)).tolist() == ids.tolist()


def test_ids_that_the_data_set_ignores(load):
    ids = np.array([[0, 1, 255, 65535]], np.uint16)
    labels = load(ids, dict(reduce_zero_label=True, ignore_ids=(255, )))
    assert labels.tolist() == [[65535, 0, 65535, 65535]]


@pytest.mark.parametrize('depth', [1, 2, 4])
def test_gray_of_few_bits(tmp_path, depth):
    """Decoders spread the values over 8 bits: 3 of 2 bits would be 255."""
    ids = np.arange(2**depth, dtype=np.uint8)[None]
    path = tmp_path / 'labels.png'
    bits = np.unpackbits(ids[..., None], -1)[..., -depth:].reshape(1, -1)
    path.write_bytes(
        encode_png(np.packbits(bits, 1), depth, 0, size=ids.shape[::-1]))
    results = LoadWideAnnotations()(dict(seg_map_path=str(path)))
    assert results['gt_seg_map'].tolist() == ids.tolist()


def test_ignored_label_of_the_data_set(load):
    """Else label 0 is moved to the class of the number 255."""
    ids = np.array([[0, 1, 300]], np.uint16)
    info = dict(reduce_zero_label=True, ignore_index=65535)
    assert load(ids, info).tolist() == [[65535, 0, 299]]
    with pytest.raises(
            ValueError,
            match='ignore_index=255. belongs to a data '
            'set with ignore_index=65535'):
        load(ids, info, ignore_index=255)


def test_label_map(load):
    ids = np.array([[3, 300], [301, 65535]], np.uint16)
    label_map = {3: 300, 300: 3, 65535: 0}
    labels = load(ids, dict(label_map=label_map))
    # no label is mapped twice, and ignored pixels stay ignored
    assert labels.tolist() == [[300, 3], [301, 65535]]


@pytest.mark.parametrize('reduce_zero_label', [True, False])
@pytest.mark.parametrize('label_map', [None, {0: 4, 2: 255, 4: 0}])
def test_as_mmseg_below_256(load, tmp_path, reduce_zero_label, label_map):
    ids = np.random.RandomState(0).randint(0, 6, (9, 7)).astype(np.uint8)
    ids[0, 0] = 255
    results = dict(reduce_zero_label=reduce_zero_label, label_map=label_map)
    ours = load(ids, results, ignore_index=255)
    theirs = LoadAnnotations()(
        dict(
            results, seg_map_path=str(tmp_path / 'labels.png'), seg_fields=[]))
    assert ours.tolist() == theirs['gt_seg_map'].tolist()


@pytest.mark.parametrize('shape', [(1, 1), (1, 5), (5, 1)])
def test_narrow_images(load, shape):
    results = dict(ori_shape=shape)
    assert load(np.full(shape, 300, np.uint16), results).shape == shape
    rgb = np.zeros((*shape, 3), np.uint8)
    assert load(rgb, results, rgb=True).shape == shape


def test_errors(load, tmp_path):
    with pytest.raises(ValueError, match='labels.png has shape .* one chann'):
        load(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r'labels.png has shape \(2, 2, 2\)'):
        load(Image.new('LA', (2, 2)))  # alpha
    with pytest.raises(ValueError, match=r'labels.png has shape \(2, 2, 4\)'):
        load(Image.new('RGBA', (2, 2)))
    with pytest.raises(ValueError, match='labels.png has fractions'):
        Image.fromarray(np.zeros(
            (2, 2), np.float32)).save(tmp_path / 'labels.png', 'TIFF')
        LoadWideAnnotations()(dict(seg_map_path=str(tmp_path / 'labels.png')))
    with pytest.raises(ValueError, match='must be RGB'):
        load(np.zeros((2, 2), np.uint8), rgb=True)
    with pytest.raises(ValueError, match=r'\(2, 2\) pixels, but .*\(2, 3\)'):
        load(np.zeros((2, 2), np.uint8), dict(ori_shape=(2, 3)))
    transform = LoadWideAnnotations()
    whole = (tmp_path / 'labels.png').read_bytes()
    place = whole.index(b'IDAT') + 8  # their checksum is wrong then
    pixels = whole[:place] + bytes(1) + whole[place + 1:]
    assert pixels != whole
    for name, content in (('text', b'no image'), ('half', whole[:-30]),
                          ('pixels', pixels)):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f'{name} is not a whole image'):
            transform(dict(seg_map_path=str(path)))
    with pytest.raises(FileNotFoundError, match='absent.png'):
        transform(dict(seg_map_path=str(tmp_path / 'absent.png')))


def test_through_the_pipeline_and_pictures(tmp_path):
    """Flipped, resized, packed and drawn, ids are what they were."""
    ids = np.array([[256, 299, 65535, 255]], np.uint16).repeat(2, 0)
    Image.fromarray(ids).save(tmp_path / 'a.png')
    Image.fromarray(np.zeros((2, 4, 3), np.uint8)).save(tmp_path / 'a.jpg')
    results = dict(
        img_path=str(tmp_path / 'a.jpg'),
        seg_map_path=str(tmp_path / 'a.png'),
        seg_fields=[])
    for step in (dict(type='LoadImageFromFile'),
                 dict(type='LoadWideAnnotations'),
                 dict(type='RandomFlip', prob=1.),
                 dict(type='Resize', scale=(8, 4),
                      keep_ratio=False), dict(type='PackSegInputs')):
        results = TRANSFORMS.build(step)(results)
    sample = results['data_samples']
    label = sample.gt_sem_seg.data
    assert label.dtype == torch.int64
    assert label[0].tolist() == [[255, 255, 65535, 65535, 299, 299, 256, 256]
                                 ] * 4
    visualizer = SegLocalVisualizer(alpha=1.)
    palette = np.random.RandomState(0).randint(1, 255, (300, 3)).tolist()
    visualizer.dataset_meta = dict(
        classes=[f'class {i}' for i in range(300)], palette=palette)
    visualizer.add_datasample(
        'a',
        np.zeros((4, 8, 3), np.uint8),
        sample,
        draw_pred=False,
        with_labels=False)
    # Matplotlib 3.10, the last for Python 3.10, draws a column further right
    drawn = visualizer.get_image()[0, 1::2].tolist()
    assert drawn == [palette[255], [0, 0, 0], palette[299], palette[256]]
