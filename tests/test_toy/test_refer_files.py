import json
import pickle
import pickletools
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from toy.semires.clutter import iter_scenes
from toy.semires.grefs import write_grefs
from toy.semires.refer_files import (CATEGORY_IDS, encode_mask,
                                     read_train_texts, write_toy_refer)

from mmlangseg.semires.datasets import read_refs

NUMBERS = dict(num_train=12, num_val=3, size=96, seed=2)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('refer')
    write_toy_refer(root, **NUMBERS)
    return root


@pytest.fixture(scope='module')
def instances(root):
    return json.loads((root / 'refcoco_toy' / 'instances.json').read_text())


@pytest.fixture(scope='module')
def refs(root):
    data = (root / 'refcoco_toy' / 'refs(unc).p').read_bytes()
    return pickle.loads(data)


def decode(segmentation, height, width):
    """As the REFER API does."""
    if isinstance(segmentation[0], list):
        segmentation = coco_mask.frPyObjects(segmentation, height, width)
    return coco_mask.decode(segmentation).sum(axis=2).astype(bool)


def test_images(root, instances):
    folder = root / 'images' / 'mscoco' / 'images' / 'train2014'
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f'COCO_train2014_{i:012d}.jpg' for i in range(1, 19)]
    assert names == [image['file_name'] for image in instances['images']]
    for image in instances['images']:
        with Image.open(folder / image['file_name']) as picture:
            assert picture.format == 'JPEG' and picture.mode == 'RGB'
            assert picture.size == (96, 96)
        assert image['height'] == image['width'] == 96


def test_instances_are_coco(root, instances):
    coco = COCO(root / 'refcoco_toy' / 'instances.json')
    assert len(coco.anns) == len(instances['annotations'])
    assert {
        c['name']: c['id']
        for c in instances['categories']
    } == CATEGORY_IDS
    for ann in instances['annotations']:
        x, y, w, h = ann['bbox']
        assert 0 <= x < x + w <= 96 and 0 <= y < y + h <= 96
        assert ann['iscrowd'] == 0


def test_masks(instances):
    """Decoded as others do, against the pictures they were made from."""
    annotations = iter(instances['annotations'])
    forms = Counter()
    for image_id, _, scene, _ in iter_scenes(**NUMBERS):
        for item, truth in zip(scene.objects, scene.masks):
            ann = next(annotations)
            assert ann['image_id'] == image_id
            assert ann['category_id'] == CATEGORY_IDS[item.kind]
            assert ann['area'] == truth.sum()
            mask = decode(ann['segmentation'], 96, 96)
            iou = (mask & truth).sum() / (mask | truth).sum()
            assert iou > 0.98
            columns = np.flatnonzero(truth.any(axis=0))
            assert ann['bbox'][0] == columns[0]
            assert ann['bbox'][2] == columns[-1] - columns[0] + 1
            if isinstance(ann['segmentation'][0], dict):
                forms['rle'] += 1
            else:
                forms['parts' if len(ann['segmentation']) > 1 else 'one'] += 1
    assert next(annotations, None) is None
    assert min(forms.values()) > 5 and len(forms) == 3
    assert forms['one'] > forms['parts']


def test_encode_by_hand():
    mask = np.zeros((20, 30), dtype=bool)
    mask[5:10, 3:12] = mask[14:19, 20:30] = True
    polygons, bbox = encode_mask(mask)
    assert len(polygons) == 2 and bbox == [3, 5, 27, 14]
    assert (decode(polygons, 20, 30) == mask).all()
    mask[6:8, 5:9] = False  # a hole
    rle, _ = encode_mask(mask)
    assert isinstance(rle[0], dict) and (decode(rle, 20, 30) == mask).all()
    pixel = np.zeros((8, 8), dtype=bool)
    pixel[0, 7] = True
    assert (decode(encode_mask(pixel)[0], 8, 8) == pixel).all()
    assert isinstance(encode_mask(pixel, as_rle=True)[0][0], dict)


def test_refs(refs, instances):
    annotations = {ann['id']: ann for ann in instances['annotations']}
    images = {image['id']: image for image in instances['images']}
    splits = {}
    for number, ref in enumerate(refs):
        assert ref['ref_id'] == number  # ascending, as released
        ann = annotations[ref['ann_id']]
        assert ref['image_id'] == ann['image_id']
        assert ref['category_id'] == ann['category_id']
        stem = images[ref['image_id']]['file_name'][:-len('.jpg')]
        assert ref['file_name'] == f'{stem}_{ref["ann_id"]}.jpg'
        splits.setdefault(ref['split'], set()).add(ref['image_id'])
        assert ref['sent_ids'] == [s['sent_id'] for s in ref['sentences']]
        for sentence in ref['sentences']:
            assert sentence['tokens'] == sentence['sent'].split()
            assert sentence['raw'] and len(sentence['groups']) == 1
    assert len({ref['ann_id'] for ref in refs}) == len(refs)
    sent_ids = [i for ref in refs for i in ref['sent_ids']]
    assert sent_ids == list(range(len(sent_ids)))
    assert splits == {
        'train': set(range(1, 13)),
        'val': {13, 14, 15},
        'testA': {16, 17, 18}
    }


def test_the_pickle_is_plain(root):
    data = (root / 'refcoco_toy' / 'refs(unc).p').read_bytes()
    opcodes = {opcode.name: value for opcode, value, _ in
               pickletools.genops(data)}  # yapf: disable
    assert opcodes['PROTO'] == 2
    assert not {'GLOBAL', 'STACK_GLOBAL', 'REDUCE', 'BUILD'} & set(opcodes)


def test_train_texts(root, refs):
    texts = read_train_texts(root)
    first, last = refs[0]['sentences'][0], refs[-1]['sentences'][0]
    assert texts[:2] == [first['sent'], first['raw']]
    count = sum(len(r['sentences']) for r in refs if r['split'] == 'train')
    assert len(texts) == 2 * count and refs[-1]['split'] == 'testA'
    assert last['sent']


def test_seeded(root, tmp_path):
    write_toy_refer(tmp_path, **NUMBERS)
    for path in root.rglob('*'):
        if path.is_file():
            other = tmp_path / path.relative_to(root)
            assert other.read_bytes() == path.read_bytes(), path


def test_sentences_that_mean_nothing(root):
    """They fit no object, and the others are those of the set."""
    write_grefs(root, **NUMBERS)
    folder = root / 'grefcoco_toy'
    rows = json.loads((folder / 'grefs(unc).json').read_text())
    nothing = [row for row in rows if row['no_target']]
    pictures = NUMBERS['num_train'] + 2 * NUMBERS['num_val']
    assert len(nothing) == 3 * pictures
    scenes = {number: scene for number, _, scene, _ in iter_scenes(**NUMBERS)}
    for row in nothing:
        words = set(row['sentences'][0]['tokens']) - {'the', 'one'}
        assert row['ann_id'] == [-1] and 1 <= len(words) <= 2
        for item in scenes[row['image_id']].objects:
            assert not words <= {item.kind, item.color}
    refs = pickle.loads((root / 'refcoco_toy' / 'refs(unc).p').read_bytes())
    assert [row['ann_id'] for row in rows
            if not row['no_target']] == [[ref['ann_id']] for ref in refs]
    assert [row['ref_id'] for row in rows] == list(range(len(rows)))
    read = read_refs(folder / 'grefs(unc).json')
    assert sum(not ref['ann_ids'] for ref in read) == len(nothing)
