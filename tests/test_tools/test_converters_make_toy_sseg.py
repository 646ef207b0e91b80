"""tools/dataset_converters/make_toy.py sseg."""
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from mmseg.registry import DATASETS
from PIL import Image
from toy.sseg.web_pictures import THINGS, iter_pictures
from transformers import AutoTokenizer

import mmlangseg.sseg  # noqa: F401
from mmlangseg.text import GRUTextEncoder, split_words

PAIRS, IMAGES, SIZE = 40, 3, 32
SPLITS = dict(train=4 * IMAGES, val=IMAGES, test=IMAGES)


def make(root: Path, seed: int = 0) -> None:
    call('dataset_converters/make_toy.py', 'sseg', root, '--num-train', PAIRS,
         '--num-val', IMAGES, '--size', SIZE, '--seed', seed)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy') / 'sseg'
    make(root)
    return root


def read_pairs(root: Path) -> list[dict]:
    dataset = DATASETS.build(
        dict(
            type='mmseg.ImageTextDataset',
            data_root=str(root),
            sources=[dict(type='TarSource', tars='pairs/toy-*.tar')],
            test_mode=True))
    return [dataset[i] for i in range(len(dataset))]


def fingerprints(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)):
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob('*') if path.suffix in ('.jpg', '.png', '.txt')
    }


def test_pairs(made):
    pairs = read_pairs(made)
    assert [pair['key'] for pair in pairs
            ] == [f'toy-000000.tar/{i:09d}' for i in range(PAIRS)]
    right = 0
    for pair, (picture, _) in zip(pairs, iter_pictures('pairs', PAIRS, SIZE,
                                                       0)):
        with Image.open(io.BytesIO(pair['img_bytes'])) as image:
            assert image.format == 'JPEG' and image.size == (SIZE, SIZE)
        words = set(split_words(pair['text']))
        right += any({name, f'{name}s'} & words for name in picture.names)
    # most captions name what is seen
    assert 0.8 * PAIRS < right <= PAIRS


@pytest.mark.parametrize('split', SPLITS)
def test_images_with_labels(made, split):
    dataset = DATASETS.build(
        dict(
            type='mmseg.ClassFileDataset',
            data_root=str(made / 'eval'),
            classes_file='classes.txt',
            ignore_index=255,
            data_prefix=dict(
                img_path=f'images/{split}', seg_map_path=f'labels/{split}'),
            pipeline=[
                dict(type='mmcv.LoadImageFromFile'),
                dict(type='mmseg.LoadAnnotations')
            ]))
    assert dataset.metainfo['classes'] == ('background', *THINGS)
    assert len(dataset) == SPLITS[split]
    drawn = iter_pictures(split, SPLITS[split], SIZE, 0)
    for index, (picture, _) in enumerate(drawn):
        sample = dataset[index]
        assert sample['img'].shape == (SIZE, SIZE, 3)
        assert (sample['gt_seg_map'] == picture.label_map).all()
        present = np.unique(sample['gt_seg_map'])
        assert {list(THINGS)[i - 1] for i in present if i} \
            == set(picture.names)


def test_words_of_captions_and_classes_are_known(made):
    encoder = GRUTextEncoder(str(made / 'pairs.words.txt'))
    tokenizer = AutoTokenizer.from_pretrained(made / 'text_model')
    for text in [pair['text'] for pair in read_pairs(made)]:
        assert set(split_words(text)) <= set(encoder.index)
        assert tokenizer.unk_token_id not in tokenizer(text)['input_ids']
    for thing in THINGS:
        ids = tokenizer(f'a photo of a {thing}.')['input_ids']
        assert tokenizer.unk_token_id not in ids


def test_second_call_does_nothing(made):
    before = {p: p.stat().st_mtime_ns for p in made.rglob('*')}
    make(made)
    assert before == {p: p.stat().st_mtime_ns for p in made.rglob('*')}
    stamp = json.loads((made / 'toy.json').read_text())
    assert stamp['system'] == 'sseg' and stamp['size'] == SIZE


def test_depends_on_the_seed_only(made, tmp_path):
    make(tmp_path / 'again')
    assert fingerprints(tmp_path / 'again') == fingerprints(made)
    first = read_pairs(made)
    assert [p['text'] for p in read_pairs(tmp_path / 'again')
            ] == [p['text'] for p in first]
    make(tmp_path / 'other', seed=1)
    assert [p['text'] for p in read_pairs(tmp_path / 'other')
            ] != [p['text'] for p in first]
