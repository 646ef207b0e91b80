"""tools/dataset_converters/coco_object.py on made data."""
from __future__ import annotations
import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from mmdet.datasets import CocoDataset
from mmengine.registry import init_default_scope
from outside_data import realdata
from PIL import Image

from mmlangseg.sseg.datasets import COCOObjectDataset

CONVERTERS = Path(__file__).resolve().parents[2] / 'tools/dataset_converters'
# person 0, airplane 4, fire hydrant 10 (value 11 is not used, stop sign is
# 12), toothbrush 89, first and last stuff, unlabelled
VALUES = np.array([[0, 4, 10, 12], [89, 91, 181, 255]], np.uint8)
LABELS = [[1, 5, 11, 12], [80, 0, 0, 0]]


@pytest.fixture(scope='module')
def converter():
    if str(CONVERTERS) not in sys.path:
        sys.path.append(str(CONVERTERS))
    return import_module('coco_object')


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / 'annotations' / 'val2017'
    folder.mkdir(parents=True)
    for i in range(3):
        Image.fromarray(VALUES).save(folder / f'{i:012d}.png')
    # what mmseg's converter writes beside
    Image.fromarray(VALUES).save(folder / f'{0:012d}_labelTrainIds.png')
    return tmp_path


def read(root, index=0, suffix='_instanceTrainIds.png'):
    path = root / 'annotations' / 'val2017' / f'{index:012d}{suffix}'
    with Image.open(path) as image:
        return np.array(image)


def run(converter, *args):
    return converter.main([*map(str, args), '--workers', '1'])


def test_labels(converter, root):
    assert run(converter, root) == 0
    for i in range(3):
        labels = read(root, i)
        assert labels.dtype == np.uint8 and labels.tolist() == LABELS
    written = list((root / 'annotations/val2017').glob('*_instance*'))
    assert len(written) == 3


def test_unlabelled_ignored(converter, root):
    assert run(converter, root, '--ignore-unlabelled') == 0
    labels = read(root, 0, '_instanceTrainIdsIgnore.png')
    assert labels.tolist() == [LABELS[0], [80, 0, 0, 255]]


def test_table_as_naive(converter):
    """By COCO's own categories, which mmdet lists in order."""
    instances = realdata('coco_refer') / 'refcoco_mini' / 'instances.json'
    if not instances.is_file():
        pytest.skip('no real data beside')
    categories = json.loads(instances.read_text())['categories']
    names = CocoDataset.METAINFO['classes']
    expected = {c['id']: names.index(c['name']) + 1 for c in categories}
    assert converter.LABELS == expected
    table = converter.label_table(False)
    for value in range(256):
        known = value + 1 in expected
        stuff = 91 <= value <= 181 or value == 255
        assert table[value] == (
            expected[value + 1] if known else 0 if stuff else 254)


def test_interrupted_and_repeated(converter, root, monkeypatch, capsys):
    """Processes; a broken file; what is there is kept."""
    folder = root / 'annotations' / 'val2017'
    broken = folder / f'{1:012d}.png'
    whole = broken.read_bytes()
    broken.write_bytes(whole[:40])
    Image.fromarray(np.full((2, 2), 11,
                            np.uint8)).save(folder / f'{2:012d}.png')
    assert converter.main([str(root), '--workers', '2']) == 1
    error = capsys.readouterr().err
    assert 'error: 2 failed' in error
    assert f'{broken}: ' in error
    assert f'{2:012d}.png: the values [11] are no classes' in error
    assert read(root, 0).tolist() == LABELS
    assert len(list(folder.glob('*instance*'))) == 1
    assert not list(folder.glob('.*'))
    kept = folder / f'{0:012d}_instanceTrainIds.png'
    time = kept.stat().st_mtime_ns
    broken.write_bytes(whole)
    Image.fromarray(VALUES).save(folder / f'{2:012d}.png')
    assert run(converter, root) == 0
    assert read(root, 2).tolist() == LABELS
    assert kept.stat().st_mtime_ns == time


def square(x, y, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


@pytest.fixture
def instances(tmp_path):
    """A person behind a stop sign, and a crowd of persons over both."""
    content = dict(
        images=[
            dict(id=i, file_name=f'{i:012d}.jpg', height=8, width=10)
            for i in range(2)
        ],
        annotations=[
            dict(id=1, image_id=0, category_id=13,
                 segmentation=square(2, 2, 3)),
            dict(id=2, image_id=0, category_id=1,
                 segmentation=square(0, 0, 6)),
            dict(id=3, image_id=0, category_id=2, iscrowd=1,
                 segmentation=dict(size=[8, 10], counts=[64, 16])),
        ])  # yapf: disable
    path = tmp_path / 'instances_val2017.json'
    path.write_text(json.dumps(content))
    return path


def test_from_instances(converter, instances, tmp_path):
    assert run(converter, tmp_path, '--instances', instances) == 0
    expected = np.zeros((8, 10), int)
    expected[:, 8:] = 2
    expected[:6, :6] = 1
    expected[2:5, 2:5] = 12
    assert read(tmp_path).tolist() == expected.tolist()
    assert not read(tmp_path, 1).any()


def test_read_by_the_data_set(converter, instances, tmp_path):
    init_default_scope('mmseg')
    assert run(converter, tmp_path, '--instances', instances) == 0
    folder = tmp_path / 'images' / 'val2017'
    folder.mkdir(parents=True)
    for i in range(2):
        Image.new('RGB', (10, 8)).save(folder / f'{i:012d}.jpg')
    dataset = COCOObjectDataset(
        data_root=str(tmp_path),
        data_prefix=dict(
            img_path='images/val2017', seg_map_path='annotations/val2017'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations')
        ])
    assert len(dataset) == 2
    classes = dataset.metainfo['classes']
    found = {classes[i] for i in np.unique(dataset[0]['gt_seg_map'])}
    assert found == {'background', 'person', 'bicycle', 'stop sign'}


@pytest.mark.parametrize('key, value, message', [
    ('category_id', 12, 'annotation 1 has category_id 12'),
    ('category_id', [1], 'annotation 1 has category_id [1]'),
    ('category_id', None, '"category_id" is missing'),
    ('width', None, '"width" is missing in'),
    ('segmentation', [[1, 2, 3]], '"segmentation" of object 0'),
    ('file_name', '../../evil.jpg', 'is not a path inside'),
    ('height', 10**6, 'are not the size of an image'),
])
def test_bad_annotations(converter, instances, tmp_path, key, value, message,
                         capsys):
    content = json.loads(instances.read_text())
    part = content['images'][0] if key in (
        'file_name', 'height', 'width') else content['annotations'][0]
    part[key] = value
    if value is None:
        del part[key]
    instances.write_text(json.dumps(content))
    if key == 'height':
        part['width'] = 10**6
        instances.write_text(json.dumps(content))
    assert run(converter, tmp_path, '--instances', instances) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path.parent / 'evil.jpg').exists()


@pytest.mark.parametrize('text, message', [
    ('{"images": [', 'is truncated'),
    ('[]', 'is truncated or not'),
    ('{"images": [], "annotations": ""}', 'not a list'),
    ('{"images": [], "annotations": [{"image_id": 3}]}', 'truncated or not'),
])
def test_no_annotations(converter, tmp_path, text, message, capsys):
    path = tmp_path / 'instances.json'
    path.write_text(text)
    assert run(converter, tmp_path, '--instances', path) == 1
    assert message in capsys.readouterr().err


def test_missing(converter, tmp_path, capsys):
    assert run(converter, tmp_path) == 1
    assert 'stuffthingmaps_trainval2017.zip' in capsys.readouterr().err
    assert run(converter, tmp_path, '--instances', tmp_path / 'no.json') == 1
    assert 'no.json does not exist' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(converter, tmp_path, '--instances', 'x', '--ignore-unlabelled')
