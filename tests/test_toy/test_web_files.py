import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image
from toy.sseg import web_files
from toy.sseg.web_captions import WRONG, describe_picture
from toy.sseg.web_pictures import THINGS, iter_pictures


def test_pairs_are_written_as_img2dataset_does(tmp_path, monkeypatch):
    monkeypatch.setattr(web_files, 'PAIRS_PER_TAR', 3)
    captions = web_files.write_toy_pairs(tmp_path, 5, size=32, seed=1)

    tars = sorted(tmp_path.iterdir())
    assert [tar.name for tar in tars] == ['toy-000000.tar', 'toy-000001.tar']
    read = []
    for tar in map(tarfile.open, tars):
        names = tar.getnames()
        assert len(set(names)) == len(names)
        for name in names[::3]:
            key = name.split('.')[0]
            image = Image.open(io.BytesIO(tar.extractfile(name).read()))
            assert image.size == (32, 32)
            text = tar.extractfile(f'{key}.txt').read().decode()
            record = json.loads(tar.extractfile(f'{key}.json').read())
            assert record['caption'] == text and record['key'] == key
            read.append(text)
    assert read == captions and len(captions) == 5


def test_some_captions_are_of_another_picture(tmp_path):
    count = 200
    texts = web_files.write_toy_pairs(tmp_path, count, size=16, seed=0)
    right = [
        describe_picture(*pair)
        for pair in iter_pictures('pairs', count, 16, 0)
    ]
    wrong = sum(a != b for a, b in zip(texts, right))
    assert 0 < wrong <= 3 * WRONG * count
    assert sorted(texts) == sorted(right)


def test_same_seed_gives_the_same_bytes(tmp_path):
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        web_files.write_toy_pairs(tmp_path / name, 3, size=16, seed=seed)
    first, same, other = ((tmp_path / name / 'toy-000000.tar').read_bytes()
                          for name in 'abc')
    assert first == same
    assert first != other


@pytest.mark.parametrize('split', ['train', 'test'])
def test_label_maps_fit_the_pictures(tmp_path, split):
    web_files.write_toy_eval(tmp_path, split, 3, size=32, seed=0)

    names = [
        line.split(maxsplit=1)[1]
        for line in (tmp_path / 'classes.txt').read_text().splitlines()
    ]
    assert names == ['background', *THINGS]
    for index, (picture, _) in enumerate(iter_pictures(split, 3, 32, 0)):
        label = np.array(
            Image.open(tmp_path / 'labels' / split / f'{index:05d}.png'))
        assert (label == picture.label_map).all()
        image = Image.open(tmp_path / 'images' / split / f'{index:05d}.jpg')
        assert image.size == (32, 32)
