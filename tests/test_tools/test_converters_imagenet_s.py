"""tools/dataset_converters/imagenet_s.py on made data."""
from __future__ import annotations
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from PIL import Image

from mmlangseg.sseg.datasets import ImageNetSDataset
from mmlangseg.sseg.vocabulary import dataset_vocabulary, read_class_names

ROOT = Path(__file__).resolve().parents[2]
CONVERTERS = ROOT / 'tools/dataset_converters'
CONFIG = ROOT / 'configs/sseg/benchmarks/sseg_swin-s_imagenet-s300.py'
SYNSETS = [f'n{i:08d}' for i in range(300)]


@pytest.fixture(scope='module')
def converter():
    if str(CONVERTERS) not in sys.path:
        sys.path.append(str(CONVERTERS))
    return import_module('imagenet_s')


@pytest.fixture
def names(tmp_path):
    """More synsets than the data set has, in any order."""
    path = tmp_path / 'LOC_synset_mapping.txt'
    lines = [
        f'{synset} thing {i}, kind {i}'
        for i, synset in enumerate([*SYNSETS, 'n00000999'])
    ]
    path.write_text('\n'.join(reversed(lines)))
    return path


def write_sample(root, synset, ids, index=0):
    ids = np.asarray(ids)
    rgb = np.stack([ids % 256, ids // 256, 0 * ids], -1).astype(np.uint8)
    stem = f'{synset}/ILSVRC2012_val_{index:08d}'
    for folder, image, suffix in (('validation',
                                   Image.new('RGB', ids.shape[::-1]), 'JPEG'),
                                  ('validation-segmentation',
                                   Image.fromarray(rgb), 'png')):
        path = root / folder / f'{stem}.{suffix}'
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / 'ImageNetS300'
    for synset in SYNSETS:
        for folder in ('validation', 'validation-segmentation'):
            (root / folder / synset).mkdir(parents=True)
    write_sample(root, SYNSETS[0], [[1, 0], [1000, 255]])
    write_sample(root, SYNSETS[299], [[300, 256]], index=5)
    return root


def run(converter, root, names, *args):
    return converter.main(
        [str(root), '--names',
         str(names), '--workers', '1', *map(str, args)])


def test_names_and_data_set(converter, root, names):
    init_default_scope('mmseg')
    assert run(converter, root, names) == 0
    found = read_class_names(root / 'classes.txt')
    assert found.background
    assert found.names == tuple(
        (f'thing {i}', f'kind {i}') for i in range(300))
    vocabulary = dataset_vocabulary('imagenet_s300', root / 'classes.txt')
    assert vocabulary['background'] and len(vocabulary['classes']) == 300
    dataset = ImageNetSDataset(
        data_root=str(root),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadWideAnnotations', rgb=True, ignore_ids=(1000, ))
        ])
    assert len(dataset) == 2
    assert dataset[0]['gt_seg_map'].tolist() == [[1, 0], [65535, 255]]
    classes = dataset.metainfo['classes']
    assert classes[300] == 'thing 299'
    assert dataset[1]['gt_seg_map'].tolist() == [[300, 256]]


def test_list_of_categories(converter, root, names, tmp_path, capsys):
    """Part of the data, and the list as it is in the repository: unsorted."""
    (root / 'validation-segmentation' / SYNSETS[4]).rmdir()
    assert run(converter, root, names) == 1
    assert 'has 299 folders, not 50, 300 or 919' in capsys.readouterr().err
    categories = tmp_path / 'ImageNetS_categories_im300.txt'
    categories.write_text('\n'.join(reversed(SYNSETS)))
    assert run(converter, root, names, '--categories', categories) == 0
    found = read_class_names(root / 'classes.txt')
    assert found.labels[0] == 'thing 0' and len(found.labels) == 300
    categories.write_text('')
    assert run(converter, root, names, '--categories', categories) == 1


def test_names_given_twice(converter, tmp_path):
    """Cardigan and cardigan, two cranes, and a synonym that is a name."""
    path = tmp_path / 'names.txt'
    path.write_text('n02012849 crane\nn03126707 crane\n'
                    'n02113186 Cardigan, Cardigan Welsh corgi\n'
                    'n02963159 cardigan\nn1 missile\nn2 projectile, missile\n'
                    'n3 bank, cash machine; ATM\nn4 bank, shore\n')
    synsets = sorted(['n02012849', 'n03126707', 'n02113186', 'n02963159'])
    names = converter.read_synset_names(path)
    assert names['n3'] == ('bank', 'cash machine', 'ATM')
    chosen = converter.choose_names([*synsets, 'n1', 'n2', 'n3', 'n4'], names,
                                    path)
    assert chosen.names == (('crane bird', ), ('Cardigan Welsh corgi', ),
                            ('cardigan', ), ('construction crane', ),
                            ('missile', ), ('projectile', 'missile'),
                            ('cash machine', 'ATM'), ('bank', 'shore'))
    with pytest.raises(ValueError, match='lacks 1 of 2 synsets, .* n9'):
        converter.choose_names(['n1', 'n9'], names, path)


def test_merged_synsets(converter, tmp_path):
    """The 919 classes have the names of what is merged into them."""
    merged = converter.MERGED
    synsets = [*merged.values(), *(f'n9{i:07d}' for i in range(914))]
    words = {synset: (f'thing {synset}', ) for synset in synsets}
    words |= {s: (f'other {s}', f'kind {s}') for s in merged}
    words['n03773504'] = ('missile', )
    words['n04008634'] = ('projectile', 'missile')
    chosen = converter.choose_names(synsets, words, tmp_path).names
    assert len(chosen) == 919
    for (source, target), found in zip(merged.items(), chosen):
        expected = ('missile', 'projectile') if target == 'n03773504' else \
            (*words[target], *words[source])
        assert found == expected
    assert chosen[5:] == tuple(words[s] for s in synsets[5:])
    del words['n04355933']
    with pytest.raises(ValueError, match='lacks 1 of 919 .* n04355933'):
        converter.choose_names(synsets, words, tmp_path)
    words['n04355933'] = ('sunglass', )
    few = converter.choose_names(synsets[:300], words, tmp_path).names
    assert few == tuple(words[s] for s in synsets[:300])


def test_images_are_not_turned(converter, root, names):
    """A photograph with EXIF data: its label map is as its pixels lie."""
    write_sample(root, SYNSETS[1], [[1, 2, 0], [1, 2, 0]])
    path = next((root / 'validation' / SYNSETS[1]).iterdir())
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (3, 2)).save(path, exif=exif)
    assert run(converter, root, names) == 0
    init_default_scope('mmseg')
    config = Config.fromfile(CONFIG).test_dataloader.dataset.copy()
    config.data_root = str(root)
    packed = DATASETS.build(config)[1]
    assert packed['data_samples'].img_path == str(path)
    assert packed['data_samples'].ori_shape == (2, 3)
    found = packed['data_samples'].gt_sem_seg.data
    assert found.tolist() == [[[1, 2, 0], [1, 2, 0]]]


def test_same_names_without_synonym(converter, root, names, capsys):
    names.write_text('\n'.join(f'{s} thing' for s in SYNSETS))
    assert run(converter, root, names) == 1
    assert "the class 'thing' is given twice" in capsys.readouterr().err


def damage(root, kind):
    path = root / 'validation-segmentation' / SYNSETS[
        0] / 'ILSVRC2012_val_00000000.png'
    if kind == 'missing':
        path.unlink()
    elif kind == 'damaged':
        path.write_bytes(path.read_bytes()[:50])
    elif kind == 'mode':
        Image.new('L', (2, 2)).save(path)
    elif kind == 'size':
        Image.new('RGB', (3, 2)).save(path)
    else:
        Image.new('RGB', (2, 2), (45, 1, 0)).save(path)


@pytest.mark.parametrize('kind, message', [
    ('missing', 'is missing'),
    ('damaged', 'is damaged'),
    ('mode', 'has mode L, not RGB'),
    ('size', 'has (3, 2) pixels, but the image (2, 2)'),
    ('id', 'has ids [301], but there are 300 classes'),
])
def test_bad_label_maps(converter, root, names, kind, message, capsys):
    damage(root, kind)
    assert run(converter, root, names, '--workers', 2) == 1
    error = capsys.readouterr().err
    assert 'error: 1 failed' in error and message in error
    assert 'ILSVRC2012_val_00000000' in error
    assert (root / 'classes.txt').is_file()


def test_wrong_folders_and_names(converter, root, names, tmp_path, capsys):
    assert run(converter, tmp_path, names) == 1
    assert 'validation-segmentation is missing' in capsys.readouterr().err
    assert run(converter, root, names, '--splits', 'train-semi') == 1
    assert 'train-semi has no images' in capsys.readouterr().err
    names.write_text('n01440764\n')
    assert run(converter, root, names) == 1
    assert "line 1: 'n01440764' is not" in capsys.readouterr().err
    assert run(converter, root, tmp_path / 'absent') == 1
    assert 'absent' in capsys.readouterr().err
