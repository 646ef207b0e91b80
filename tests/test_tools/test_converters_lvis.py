"""tools/dataset_converters/lvis.py on made data."""
from __future__ import annotations
import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from mmlangseg.sseg.datasets import LVISDataset
from mmlangseg.sseg.vocabulary import dataset_vocabulary, read_class_names

CONVERTERS = Path(__file__).resolve().parents[2] / 'tools/dataset_converters'
URL = 'http://images.example.org/{}/{:012d}.jpg'


@pytest.fixture(scope='module')
def converter():
    if str(CONVERTERS) not in sys.path:
        sys.path.append(str(CONVERTERS))
    return import_module('lvis')


def square(x, y, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def annotation(index, image, category, segmentation, **kwargs):
    return dict(
        id=index,
        image_id=image,
        category_id=category,
        segmentation=segmentation,
        **kwargs)


@pytest.fixture
def root(tmp_path):
    categories = [
        dict(id=i, name=f'thing_{i}', synonyms=[f'thing_{i}', f'kind_{i}'])
        for i in range(1203, 0, -1)
    ]
    images = [
        dict(id=i, height=8, width=10, coco_url=URL.format(folder, i))
        for i, folder in ((7, 'val2017'), (9, 'train2017'), (11, 'val2017'))
    ]
    images[0]['not_exhaustive_category_ids'] = [1203]
    annotations = [
        # a large one last: the small ones stay above it, and one in three
        # parts is drawn as a whole
        annotation(1, 7, 1203, square(1, 1, 2)),
        annotation(2, 7, 256,
                   square(0, 0, 1) + square(4, 0, 1)),
        annotation(3, 7, 255, square(0, 0, 5)),
        annotation(4, 9, 300, square(2, 2, 4)),
        annotation(5, 9, 300, square(0, 0, 8), iscrowd=1),
    ]
    path = tmp_path / 'annotations' / 'lvis_v1_val.json'
    path.parent.mkdir()
    path.write_text(
        json.dumps(
            dict(
                categories=categories, images=images,
                annotations=annotations)))
    for image in images:
        folder, name = image['coco_url'].split('/')[-2:]
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.new('RGB', (10, 8)).save(tmp_path / folder / name)
    return tmp_path


def run(converter, root, *args):
    return converter.main(
        [str(root / 'annotations' / 'lvis_v1_val.json'), *args])


def read(root, name):
    with Image.open(root / 'labels' / f'{name}.png') as image:
        assert image.mode == 'I;16'
        return np.array(image)


def test_files(converter, root):
    assert run(converter, root, '--workers', '2') == 0
    expected = np.zeros((8, 10), int)
    expected[:5, :5] = 255
    expected[1:3, 1:3] = 1203
    expected[0, [0, 4]] = 256
    assert read(root, 'val2017/000000000007').tolist() == expected.tolist()
    expected = np.zeros((8, 10), int)
    expected[:8, :8] = 65535
    expected[2:6, 2:6] = 300
    assert read(root, 'train2017/000000000009').tolist() == expected.tolist()
    assert not read(root, 'val2017/000000000011').any()
    assert (root / 'lvis_v1_val.txt').read_text().split() == [
        'val2017/000000000007', 'train2017/000000000009',
        'val2017/000000000011'
    ]
    names = read_class_names(root / 'classes.txt')
    assert names.names[0] == ('thing_1', 'kind_1') and not names.background
    assert dataset_vocabulary(
        'lvis', root / 'classes.txt')['prompt_names'][1202] == ('thing 1203',
                                                                'kind 1203')


def test_read_by_the_data_set(converter, root):
    init_default_scope('mmseg')
    assert run(converter, root, '--workers', '1') == 0
    dataset = LVISDataset(
        data_root=str(root),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadWideAnnotations')
        ])
    assert len(dataset) == 3
    found = np.unique(dataset[0]['gt_seg_map']).tolist()
    assert found == [254, 255, 1202, 65535]
    assert dataset.metainfo['classes'][1202] == 'thing_1203'


def test_interrupted_and_repeated(converter, root, capsys):
    path = root / 'annotations' / 'lvis_v1_val.json'
    whole = path.read_text()
    content = json.loads(whole)
    content['annotations'][3]['segmentation'] = [[1, 2, 3]]
    path.write_text(json.dumps(content))
    assert run(converter, root, '--workers', '1') == 1
    error = capsys.readouterr().err
    assert 'image 9: "segmentation" of object 0: a polygon has 3' in error
    assert not (root / 'lvis_v1_val.txt').exists()
    kept = root / 'labels' / 'val2017' / '000000000007.png'
    time = kept.stat().st_mtime_ns
    path.write_text(whole)
    assert run(converter, root, '--workers', '1') == 0
    assert (root / 'lvis_v1_val.txt').exists()
    assert read(root, 'train2017/000000000009').any()
    assert kept.stat().st_mtime_ns == time


def change(root, **changes):
    path = root / 'annotations' / 'lvis_v1_val.json'
    content = json.loads(path.read_text())
    for key, value in changes.items():
        content['images' if key == 'coco_url' else 'categories' if key in (
            'id', 'synonyms') else 'annotations'][0][key] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize('changes, message', [
    (dict(category_id=1204), 'category_id 1204, which is no category'),
    (dict(image_id=8), 'an image or annotation is malformed: KeyError(8)'),
    (dict(coco_url='http://x/../../a.jpg'), "'../a.png' is not a path inside"),
    (dict(coco_url=None), 'has neither "coco_url" nor'),
    (dict(id=2000), 'ids are not 1 to their number'),
    (dict(synonyms=None), 'has no "id", "name" or "synonyms"'),
    (dict(synonyms=[1.5]), 'of a category are not all texts'),
    (dict(coco_url=[]), 'has neither "coco_url" nor'),
])
def test_bad_annotations(converter, root, changes, message, capsys):
    change(root, **changes)
    assert run(converter, root, '--workers', '1') == 1
    assert message in capsys.readouterr().err
    assert not (root / 'lvis_v1_val.txt').exists()


def test_other_classes_are_there(converter, root, capsys):
    (root / 'classes.txt').write_text('1 cup\n')
    assert run(converter, root, '--workers', '1') == 1
    assert 'has other classes' in capsys.readouterr().err
    assert run(converter, root, '--workers', '1', '--out',
               str(root / 'out')) == 0
    assert (root / 'out' / 'labels' / 'val2017').is_dir()


def test_truncated_and_missing(converter, root, capsys):
    path = root / 'annotations' / 'lvis_v1_val.json'
    path.write_text(path.read_text()[:-20])
    assert run(converter, root) == 1
    assert 'lvis_v1_val.json is truncated' in capsys.readouterr().err
    path.unlink()
    assert run(converter, root) == 1
    assert 'lvis_v1_val.json does not exist' in capsys.readouterr().err
