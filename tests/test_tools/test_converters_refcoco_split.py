"""tools/dataset_converters/refcoco_split.py on made data."""
from __future__ import annotations
import hashlib
import json
import random
import sys
from importlib import import_module
from pathlib import Path

import pytest
from refer_data import make_ref, write_refer

from mmlangseg.semires.datasets import RefCOCODataset, read_image_ids

CONVERTERS = Path(__file__).resolve().parents[2] / 'tools/dataset_converters'


@pytest.fixture(scope='module')
def split():
    if str(CONVERTERS) not in sys.path:
        sys.path.append(str(CONVERTERS))
    return import_module('refcoco_split')


@pytest.fixture
def root(tmp_path):
    """40 training images with 1 to 3 objects, not in the order of ids."""
    rng = random.Random(5)
    images = [i for i in range(100, 140) for _ in range(1 + i % 3)]
    rng.shuffle(images)
    refs = [make_ref(i, image, 'train') for i, image in enumerate(images)]
    refs += [make_ref(1000, 900, 'val'), make_ref(1001, 901, 'testA')]
    rng.shuffle(refs)  # the rule goes by ref_id
    write_refer(tmp_path, refs)
    return tmp_path


def released_rule(root, fraction, seed):
    """The released procedure, word by word."""
    import pickle
    with open(root / 'refcoco' / 'refs(unc).p', 'rb') as file:
        refs = pickle.load(file)
    images = []
    for ref in sorted(refs, key=lambda ref: ref['ref_id']):
        if ref['split'] == 'train' and ref['image_id'] not in images:
            images.append(ref['image_id'])
    random.seed(seed)
    return set(random.sample(images, int(fraction * len(images))))


@pytest.mark.parametrize('seed', [0, 3])
def test_released_rule(split, root, seed):
    percents = ['5', '10', '30']
    status = split.main(
        [str(root / 'refcoco'), '--percent', *percents, '--seeds',
         str(seed)])
    assert status == 0
    folder = root / 'refcoco' / 'splits'
    assert len(list(folder.iterdir())) == 6
    for percent in percents:
        stem = folder / f'refcoco_unc_train_{percent}pct_seed{seed}'
        labelled = read_image_ids(f'{stem}.labelled.json')
        unlabelled = read_image_ids(f'{stem}.unlabelled.json')
        assert set(labelled) == released_rule(root, int(percent) / 100, seed)
        assert sorted(labelled + unlabelled) == list(range(100, 140))


def test_lists_split_the_data_set(split, root):
    assert split.main([str(root / 'refcoco'), '--percent', '20']) == 0
    counts = 0
    for side, images in (('labelled', 8), ('unlabelled', 32)):
        dataset = RefCOCODataset(
            'refcoco',
            'train',
            data_root=str(root),
            image_ids=f'refcoco/splits/refcoco_unc_train_20pct_seed0.{side}'
            '.json')
        assert len({item['img_id'] for item in dataset}) == images
        counts += len(dataset)
    assert counts == len(
        RefCOCODataset('refcoco', 'train', data_root=str(root)))


def test_file_and_report(split, root, capsys):
    out = root / 'lists'
    arguments = [str(root / 'refcoco'), '--percent', '2.5', '10', '--seeds',
                 '1', '2', '--out', str(out)]  # yapf: disable
    assert split.main(arguments) == 0
    assert sorted(path.name for path in out.iterdir())[0] == (
        'refcoco_unc_train_10pct_seed1.labelled.json')
    path = out / 'refcoco_unc_train_2.5pct_seed2.labelled.json'
    content = json.loads(path.read_text())
    assert content['metainfo'] == dict(
        dataset='refcoco',
        split_by='unc',
        split='train',
        percent=2.5,
        seed=2,
        side='labelled')
    assert len(content['image_ids']) == 1
    report = capsys.readouterr().out
    assert 'train: 40 images, 80 objects, 240 sentences' in report
    image = content['image_ids'][0]
    count = 1 + image % 3
    assert (f'labelled: 1 images, {count} objects, {3 * count} sentences -> '
            f'{path}') in report
    assert f'unlabelled: 39 images, {80 - count} objects' in report
    assert 'published' not in report


def test_nested_draws_are_not_promised(split):
    """Python's sampling, so that lists equal the released ones."""
    images = list(range(1000))
    assert split.labelled_images(images, 1, 0,
                                 1000) == random.Random(0).sample(images, 10)
    assert len(split.labelled_images(range(16994), 1, 0, 16994)) == 169
    assert len(split.labelled_images(range(16994), 0.1, 0, 16994)) == 16


def test_published_list(split, root, capsys, monkeypatch):
    arguments = [str(root / 'refcoco'), '--percent', '5', '1']
    monkeypatch.setattr(split, 'PUBLISHED_SET',
                        ('refcoco', 'unc', 'train', 5., 0))
    split.main(arguments)
    report = capsys.readouterr().out
    assert ('differs from the published list of 169 images (here 2); is the '
            'data set complete?') in report
    text = ','.join(map(str, sorted(released_rule(root, 0.05, 0))))
    monkeypatch.setattr(split, 'PUBLISHED',
                        hashlib.sha256(text.encode()).hexdigest())
    split.main(arguments)
    assert '  equals the published list' in capsys.readouterr().out


@pytest.fixture
def half_annotated(tmp_path):
    """20 images of two objects; every second lacks one annotation."""
    refs = [make_ref(i, 100 + i // 2, 'train') for i in range(40)]
    for ref in refs[1::4]:
        del ref['ann_id']
    write_refer(tmp_path, refs)
    return tmp_path / 'refcoco'


@pytest.mark.parametrize('arguments, name, count', [
    (['--percent', '50'], '50pct_seed0', 10),
    (['--percent', '20', '--seeds', '3'], '20pct_seed3', 4),
    (['--annotated'], 'annotated', 10),
])
def test_labelled_images_are_annotated(split, half_annotated, arguments, name,
                                       count):
    assert split.main([str(half_annotated), *arguments]) == 0
    stem = half_annotated / 'splits' / f'refcoco_unc_train_{name}'
    labelled = read_image_ids(f'{stem}.labelled.json')
    assert len(labelled) == count and all(i % 2 for i in labelled)
    unlabelled = read_image_ids(f'{stem}.unlabelled.json')
    assert sorted(labelled + unlabelled) == list(range(100, 120))


def test_too_few_annotated(split, half_annotated, capsys):
    assert split.main([str(half_annotated), '--percent', '60']) == 1
    assert ('60 % of 20 images are 12, but only 10 were annotated'
            in capsys.readouterr().err)


def test_all_annotated(split, root, capsys):
    assert split.main([str(root / 'refcoco'), '--annotated']) == 1
    assert '40 of 40 images were annotated' in capsys.readouterr().err


@pytest.mark.parametrize('arguments, message', [
    (['--percent', '1'], '1 % of 40 images are 0'),
    (['--percent', '100'], '100 % of 40 images are 40'),
    (['--percent', '5', '--split', 'testB'], "has no split 'testB'"),
    (['--percent', '5', '--split-by', 'umd'], 'Neither refs(umd).p nor'),
])
def test_faults(split, root, capsys, arguments, message):
    assert split.main([str(root / 'refcoco'), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and message in error
    assert not (root / 'refcoco' / 'splits').exists()


def test_damaged_refs(split, root, capsys):
    (root / 'refcoco' / 'refs(unc).p').write_bytes(b'\x80\x04x')
    assert split.main([str(root / 'refcoco'), '--percent', '5']) == 1
    assert 'is not a pickle of plain data' in capsys.readouterr().err


def test_words(split, root):
    folder = root / 'refcoco'
    assert split.main([str(folder), '--percent', '10']) == 0
    words = folder / 'train.words.txt'
    assert not words.exists()
    assert split.main([str(folder), '--percent', '10', '--words']) == 0
    listed = words.read_text().split()
    assert {'object', 'sentence', 'left', ','} <= set(listed)
    assert '1000' not in listed  # of another split
    assert listed == sorted(set(listed))
