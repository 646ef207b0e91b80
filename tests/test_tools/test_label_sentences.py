"""tools/semires/label_sentences.py: what it writes is read as a data set."""
from __future__ import annotations
import importlib.util
import json
import sys
from pathlib import Path

import pytest
import tiny_public
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from refer_data import IMAGES, make_ref, write_refer

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
    monkeypatch.setitem(sys.modules, 'label_sentences', tool)
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
        for row in json.loads(path.read_text())['found']
    ]
    assert every == len(scores)
    limit = sorted(scores)[len(scores) // 2]
    run('--min-score', limit)  # nothing is labelled anew
    assert len(read(tmp_path)) == sum(score >= limit for score in scores)
    assert 'none of the 24 sentences has a mask' in run('--min-score', 1)


def test_labels_are_of_the_sentences_that_are_asked(run, tmp_path):
    """Whatever the folder holds of their images: RefCOCOg of Google has the
    same images in several splits, and annotations are corrected."""
    refs = [make_ref(i, 100 + i // 2, 'train') for i in range(4)]
    refs[1]['split'] = 'val'
    write_refer(tmp_path, refs)
    run('--split', 'val')
    assert '2 images, 0 have labels already' in run()
    assert {row['text']
            for row in read(tmp_path)} == {
                f'object {i} sentence {k} left'
                for i in (0, 2, 3)
                for k in range(3)
            }
    refs[3]['sentences'][0]['sent'] = 'another one'
    write_refer(tmp_path, refs)
    assert '2 images, 1 have labels already' in run()
    assert 'another one' in {row['text'] for row in read(tmp_path)}


def test_weights_that_were_replaced(run, tmp_path, monkeypatch):
    """A training writes the next checkpoint under the same name."""
    weights = tmp_path / 'epoch_40.pth'
    weights.write_bytes(b'one')
    tool = sys.modules['label_sentences']
    opened = tool.open_model
    monkeypatch.setattr(
        tool, 'open_model', lambda *args, **options:
        (opened(*args, **options)[0], str(weights)))
    monkeypatch.setattr(
        tool, 'SemiRESInferencer',
        lambda config, *_: SemiRESInferencer(config, None, 'cpu'))
    assert 'sentences have masks' in run()
    assert '4 have labels already' in run()
    weights.write_bytes(b'two')
    assert 'has labels of another model' in run()


def test_public_weights_that_were_replaced(run, model, tmp_path):
    folder = Path(model)
    kept = (folder / 'model.safetensors').read_bytes()
    assert 'sentences have masks' in run()
    assert '4 have labels already' in run()
    tiny_public.replace_weights(folder)
    try:
        assert 'has labels of another model' in run()
        # an earlier version did not say of which they are
        header = tmp_path / 'sam3' / 'labels.json'
        header.write_text(json.dumps(dict(model=model)))
        printed = run()
        assert '4 have labels already' in printed
        assert 'does not say of which weights' in printed
        assert json.loads(header.read_text()) == dict(model=model)
    finally:
        (folder / 'model.safetensors').write_bytes(kept)


def test_a_model_that_was_set_otherwise(run, tmp_path, monkeypatch):
    """The same weights see other images, or another of two networks labels."""
    tool = sys.modules['label_sentences']
    opened = tool.open_model
    assert 'sentences have masks' in run('--image-ids', _one(tmp_path))

    def changed(*args, **options):
        config, checkpoint = opened(*args, **options)
        config.test_pipeline[1].scale = (64, 64)
        return config, checkpoint

    monkeypatch.setattr(tool, 'open_model', changed)
    assert 'or one that was set otherwise (see labels.json)' in run()
    monkeypatch.setattr(tool, 'open_model', opened)
    assert '4 images, 1 have labels already' in run()


def _one(folder):
    path = folder / 'ids.json'
    path.write_text('[100]')
    return path


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
