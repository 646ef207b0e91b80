from __future__ import annotations

import numpy as np
import pytest
from config_files import CONFIGS
from mmdet.datasets import CocoDataset
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS
from outside_data import realdata
from PIL import Image

from mmlangseg.sseg.datasets import (ClassFileDataset, COCOObjectDataset,
                                     ImageNetSDataset, LVISDataset,
                                     PascalVOC20Dataset)
from mmlangseg.sseg.vocabulary import (ClassNames, read_class_names,
                                       write_class_names)

REAL = realdata('coco_semseg')
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
LOAD_WIDE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 16), keep_ratio=True),
    dict(type='LoadWideAnnotations')
]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def save_image(path, height=4, width=6):
    save(path, np.full((height, width, 3), 90, np.uint8))


def labels_of(dataset, index=0):
    return dataset[index]['gt_seg_map']


def test_voc20(tmp_path):
    save_image(tmp_path / 'JPEGImages' / 'a.jpg', 1, 4)
    save(tmp_path / 'Labels' / 'a.png', np.array([[0, 1, 20, 255]], np.uint8))
    (tmp_path / 'val.txt').write_text('a\n')
    common = dict(
        ann_file='val.txt',
        data_root=str(tmp_path),
        data_prefix=dict(img_path='JPEGImages', seg_map_path='Labels'),
        pipeline=LOAD)
    dataset = DATASETS.build(dict(type='PascalVOC20Dataset', **common))
    assert isinstance(dataset, PascalVOC20Dataset)
    assert labels_of(dataset).tolist() == [255, 0, 19, 255]
    full = PascalVOCDataset(**common)
    assert labels_of(full).tolist() == [0, 1, 20, 255]
    assert ('background',
            *dataset.metainfo['classes']) == full.metainfo['classes']
    assert dataset.metainfo['palette'] == full.metainfo['palette'][1:]


@pytest.fixture
def coco(tmp_path):
    save_image(tmp_path / 'images' / 'a.jpg', 2, 2)
    save(tmp_path / 'annotations' / 'a_instanceTrainIds.png',
         np.array([[0, 1], [80, 255]], np.uint8))
    return dict(
        data_root=str(tmp_path),
        data_prefix=dict(img_path='images', seg_map_path='annotations'),
        pipeline=LOAD)


def test_coco_object(coco):
    full = DATASETS.build(dict(type='COCOObjectDataset', **coco))
    assert full.metainfo['classes'] == ('background',
                                        *CocoDataset.METAINFO['classes'])
    assert len(full.metainfo['palette']) == 81
    assert labels_of(full).tolist() == [[0, 1], [80, 255]]
    objects = COCOObjectDataset(background=False, **coco)
    assert objects.metainfo['classes'] == CocoDataset.METAINFO['classes']
    assert objects.metainfo['palette'] == full.metainfo['palette'][1:]
    assert labels_of(objects).tolist() == [[255, 0], [79, 255]]
    with pytest.raises(ValueError, match='not both'):
        COCOObjectDataset(background=False, metainfo=dict(), **coco)
    with pytest.raises(TypeError, match='ignore_indx'):
        COCOObjectDataset(ignore_indx=3, **coco)


@pytest.fixture
def lvis(tmp_path):
    names = tuple((f'class_{i}', ) for i in range(1, 1204))
    write_class_names(tmp_path / 'classes.txt', ClassNames(names, False))
    for name, ids in dict(
            a=[0, 1, 255, 256], b=[257, 1202, 1203, 65535]).items():
        save_image(tmp_path / 'val2017' / f'{name}.jpg', 1, 4)
        save(tmp_path / 'labels' / 'val2017' / f'{name}.png',
             np.array([ids], np.uint16))
    (tmp_path / 'lvis_v1_val.txt').write_text('val2017/a\nval2017/b\n')
    return str(tmp_path)


def test_lvis(lvis):
    dataset = DATASETS.build(
        dict(type='LVISDataset', data_root=lvis, pipeline=LOAD_WIDE))
    assert isinstance(dataset, LVISDataset)
    assert len(dataset.metainfo['classes']) == 1203
    assert len({tuple(c) for c in dataset.metainfo['palette']}) > 1200
    assert dataset.ignore_index == 65535
    assert labels_of(dataset).tolist() == [[65535, 0, 254, 255]]
    assert labels_of(dataset, 1).tolist() == [[256, 1201, 1202, 65535]]
    # all pixels without instance are background
    dataset = LVISDataset(data_root=lvis, background=True, pipeline=LOAD_WIDE)
    assert dataset.metainfo['classes'][:2] == ('background', 'class_1')
    assert labels_of(dataset).tolist() == [[0, 1, 255, 256]]
    assert labels_of(dataset, 1).tolist() == [[257, 1202, 1203, 65535]]


def test_imagenet_s(tmp_path):
    names = tuple((f'class {i}', ) for i in range(1, 301))
    write_class_names(tmp_path / 'classes.txt', ClassNames(names, True))
    save_image(tmp_path / 'validation' / 'n01' / 'x.JPEG', 1, 5)
    ids = np.array([[0, 255, 256, 300, 1000]])
    rgb = np.stack([ids % 256, ids // 256, 0 * ids], -1).astype(np.uint8)
    save(tmp_path / 'validation-segmentation' / 'n01' / 'x.png', rgb)
    pipeline = [
        LOAD_WIDE[0],
        dict(type='LoadWideAnnotations', rgb=True, ignore_ids=(1000, ))
    ]
    common = dict(data_root=str(tmp_path), pipeline=pipeline)
    dataset = DATASETS.build(dict(type='ImageNetSDataset', **common))
    assert isinstance(dataset, ImageNetSDataset)
    assert len(dataset.metainfo['classes']) == 301
    assert labels_of(dataset).tolist() == [[0, 255, 256, 300, 65535]]
    dataset = ImageNetSDataset(background=False, **common)
    assert len(dataset.metainfo['classes']) == 300
    assert labels_of(dataset).tolist() == [[65535, 254, 255, 299, 65535]]


def test_own_data(tmp_path):
    """As the toy set and the small set of real photos."""
    (tmp_path / 'classes.txt').write_text('0 background\n1 cup\n2 red ball\n')
    save_image(tmp_path / 'images' / 'a.jpg', 1, 3)
    save(tmp_path / 'labels' / 'a.png', np.array([[0, 1, 2]], np.uint8))
    common = dict(
        classes_file='classes.txt',
        data_root=str(tmp_path),
        pipeline=LOAD_WIDE)
    prefix = dict(img_path='images', seg_map_path='labels')
    dataset = ClassFileDataset(data_prefix=prefix, **common)
    assert dataset.metainfo['classes'] == ('background', 'cup', 'red ball')
    assert labels_of(dataset).tolist() == [[0, 1, 2]]
    # A list that a Windows program saved begins with a byte order mark.
    names = [path.stem for path in (tmp_path / prefix['img_path']).iterdir()]
    (tmp_path / 'val.txt').write_text('\n'.join(names), encoding='utf-8-sig')
    listed = ClassFileDataset(data_prefix=prefix, ann_file='val.txt', **common)
    np.testing.assert_array_equal(labels_of(listed), labels_of(dataset))
    save(tmp_path / 'labels' / 'a.png', np.array([[0, 255, 2]], np.uint8))
    assert labels_of(dataset).tolist() == [[0, 65535, 2]]
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='no image .*.jpg in .*empty'):
        ClassFileDataset(data_prefix=dict(prefix, img_path='empty'), **common)


@pytest.fixture
def three_photos(tmp_path):
    """One that ends as data sets expect, and two others; labels beside."""
    for name in ('a.jpg', 'b.JPG', 'c.webp'):
        save_image(tmp_path / name)
    save(tmp_path / 'a.png', np.zeros((4, 6), np.uint8))
    (tmp_path / 'classes.txt').write_text('0 background\n1 cat\n')
    return dict(
        classes_file='classes.txt',
        data_root=str(tmp_path),
        data_prefix=dict(img_path='', seg_map_path=''))


def test_images_left_out_are_named(three_photos, monkeypatch):
    said = []
    monkeypatch.setattr('mmlangseg.sseg.datasets.class_file_dataset.print_log',
                        lambda text, *_: said.append(text))
    assert len(ClassFileDataset(**three_photos)) == 1
    message, = said
    assert '2 images, such as b.JPG, do not end in .jpg' in message


def test_lists_of_images(three_photos, tmp_path):
    path = tmp_path / 'val.txt'
    path.write_bytes(b'\xef\xbb\xbf\r\na\r\n\r\n')
    dataset = ClassFileDataset(ann_file='val.txt', **three_photos)
    assert len(dataset) == 1  # a blank line is no image
    assert dataset.get_data_info(0)['img_path'] == str(tmp_path / 'a.jpg')
    path.write_bytes('a\n'.encode('utf-16'))
    with pytest.raises(ValueError, match='val.txt is not UTF-8'):
        ClassFileDataset(ann_file='val.txt', **three_photos)
    with pytest.raises(FileNotFoundError, match='none.txt does not exist'):
        ClassFileDataset(ann_file='none.txt', **three_photos)


def test_an_image_that_is_listed_twice_counts_once(three_photos, tmp_path):
    save_image(tmp_path / 'b.jpg')
    (tmp_path / 'val.txt').write_text('b\na\nb\n')
    dataset = ClassFileDataset(ann_file='val.txt', **three_photos)
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    assert paths == [str(tmp_path / 'b.jpg'), str(tmp_path / 'a.jpg')]


def test_label_300_of_own_pairs(tmp_path, monkeypatch):
    """Not 44, by the config as it is."""
    root = tmp_path / 'data/own_pairs'
    save_image(root / 'photos' / 'a.jpg', 1, 3)
    save(root / 'labels' / 'a.png', np.array([[255, 300, 65535]], np.uint16))
    (root / 'classes.txt').write_text('0 background\n' +
                                      ''.join(f'{i} class {i}\n'
                                              for i in range(1, 301)))
    (root / 'test.txt').write_text('a\n')
    monkeypatch.chdir(tmp_path)
    config = Config.fromfile(CONFIGS / 'sseg_own_pairs.py')
    dataset = DATASETS.build(config.test_dataloader.dataset)
    found = dataset[0]['data_samples'].gt_sem_seg.data[0]
    assert found.tolist() == [[255, 300, 65535]]
    assert config.test_evaluator.ignore_index == dataset.ignore_index
    with pytest.raises(ValueError, match='has 300 classes, of which 255'):
        DATASETS.build(dict(config.test_dataloader.dataset, ignore_index=255))


@pytest.mark.skipif(not REAL.is_dir(), reason='no real data beside')
def test_real_photos():
    dataset = COCOObjectDataset(
        ann_file='eval.txt',
        data_root=str(REAL),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        seg_map_suffix='.png',
        test_mode=True,
        pipeline=LOAD)
    assert len(dataset) == 40
    seen = set()
    for sample in dataset:
        assert sample['gt_seg_map'].shape == sample['ori_shape']
        seen |= set(np.unique(sample['gt_seg_map']).tolist())
    assert len(seen - {0, 255}) == 51 and seen <= {*range(81), 255}
    names = read_class_names(REAL / 'classes.txt')
    assert ('background', *names.labels) == dataset.metainfo['classes']
