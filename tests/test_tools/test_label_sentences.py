"""tools/semires/label_sentences.py: what it writes is read as a data set."""
from __future__ import annotations
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_public
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from refer_data import IMAGES, write_refer

from mmlangseg.apis import SemiRESInferencer

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'semires' / \
    'label_sentences.py'


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return str(tiny_public.write_sam3(tmp_path_factory.mktemp('sam3')))


@pytest.fixture
def run(model, tmp_path, monkeypatch, capsys):
    """Run the tool; gives what it prints, and the message it stops with."""
    write_refer(tmp_path)
    spec = importlib.util.spec_from_file_location('label_sentences', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def run(*args, out='sam3', annotations='refcoco'):
        monkeypatch.setattr(sys, 'argv', [
            'label_sentences.py', model, '--annotations',
            str(tmp_path / annotations), '--images',
            str(tmp_path / IMAGES), '--out',
            str(tmp_path / out), *map(str, args), '--device', 'cpu'
        ])
        try:
            tool.main()
            stop = ''
        except SystemExit as error:
            stop = str(error.code)
        captured = capsys.readouterr()
        return f'{captured.out} {stop} {captured.err}'

    return run


def read(root, **options):
    init_default_scope('mmseg')
    return DATASETS.build(
        dict(
            type='RefCOCODataset',
            data_root=str(root),
            ann_folder='sam3',
            split_by='labels',
            split='train',
            test_mode=True,
            pipeline=[dict(type='LoadImage'),
                      dict(type='LoadReferringMask')],
            **options))


def test_masks_of_the_model(run, model, tmp_path):
    ids = tmp_path / 'ids.json'
    ids.write_text('[100, 102]')
    printed = run('--image-ids', ids)
    dataset = read(tmp_path)
    assert f'{len(dataset)} of 12 sentences have masks' in printed
    assert {row['img_id'] for row in dataset} == {100, 102}
    inferencer = SemiRESInferencer(model, device='cpu')
    for sample in (dataset[0], dataset[len(dataset) - 1]):
        result, = inferencer(sample['img_path'], sample['text'])
        assert (sample['gt_seg_map'] == result.mask).all()
        assert 0 < result.mask.mean()
    assert len({row['ref_id'] for row in dataset}) == len(dataset)


def test_goes_on_and_shares(run, tmp_path):
    assert 'other processes still' in run('--num-shards', 2, '--shard', 0)
    parts = sorted((tmp_path / 'sam3/parts').iterdir())
    assert [path.stem for path in parts] == ['100', '102']
    before = [path.stat().st_mtime_ns for path in parts]
    printed = run()
    assert '4 images, 2 have labels already' in printed
    assert [path.stat().st_mtime_ns for path in parts] == before
    every = len(read(tmp_path))
    scores = [
        row['score'] for path in (tmp_path / 'sam3/parts').iterdir()
        for row in json.loads(path.read_text())
    ]
    assert every == len(scores)
    limit = float(np.median(scores))
    run('--min-score', limit)  # nothing is labelled anew
    assert len(read(tmp_path)) == sum(score >= limit for score in scores)
    assert 'none of the 24 sentences has a mask' in run('--min-score', 1)


def test_bad_input(run, tmp_path):
    for message, args, options in [
        ('would replace the annotations', (), dict(out='refcoco')),
        ("has no split 'dev'", ('--split', 'dev'), {}),
        ('none, which does not exist', (), dict(annotations='none')),
    ]:
        assert message in run(*args, **options)
    (tmp_path / 'sam3').mkdir()
    (tmp_path / 'sam3/labels.json').write_text('{"model": "other"}')
    assert 'has labels of another model' in run()
    (tmp_path / IMAGES / 'COCO_train2014_000000000101.jpg').write_bytes(b'x')
    printed = run(out='new')
    assert '1 images failed' in printed and '000000000101.jpg' in printed
    assert not (tmp_path / 'new/instances.json').exists()
