"""Predictions are read one at a time, in every form."""
import json
import zipfile

import numpy as np
import pytest

from mmlangseg.evaluation import (PredictionError, prediction_files,
                                  read_predictions)

ROWS = [
    dict(scene_id='a', ann_id=0, point_indices=[1, 2]),
    dict(scene_id='a', ann_id=1, point_indices=[]),
    dict(scene_id='b', ann_id=0, point_indices=[7]),
]


def read(path):
    return [(p.ids['scene_id'], int(p.ids['ann_id']), p.kind,
             np.asarray(p.value).tolist()) for p in read_predictions(path)]


EXPECTED = [('a', 0, 'indices', [1, 2]), ('a', 1, 'indices', []),
            ('b', 0, 'indices', [7])]


@pytest.mark.parametrize('text', [
    json.dumps(ROWS),
    '\ufeff \n' + json.dumps(ROWS, indent=2) + '\n',
    '\n'.join(map(json.dumps, ROWS)) + '\n\n',
    json.dumps(dict(metainfo={}, predictions=ROWS), indent=1),
    json.dumps(dict(results=ROWS)),
])
def test_json(tmp_path, text):
    path = tmp_path / 'p.json'
    path.write_text(text)
    assert read(path) == EXPECTED


def test_rows_that_cross_the_pieces_of_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_files, '_CHUNK', 7)
    path = tmp_path / 'p.json'
    path.write_text(json.dumps(ROWS, indent=1))
    assert read(path) == EXPECTED


def test_npz(tmp_path):
    path = tmp_path / 'p.npz'
    ids = dict(scene_id=['a', 'a', 'b'], ann_id=[0, 1, 0])
    np.savez_compressed(path, indices=[1, 2, 7], offsets=[0, 2, 2, 3], **ids)
    assert read(path) == EXPECTED
    masks = np.zeros((3, 8), bool)
    masks[0, 1:3] = masks[2, 7] = True
    np.savez(path, masks=masks, **ids)
    found = list(read_predictions(path))
    assert [p.kind for p in found] == ['mask'] * 3
    assert np.array_equal([p.value for p in found], masks)


def test_npz_in_pieces(tmp_path, monkeypatch):
    from mmlangseg.evaluation import npz_rows
    monkeypatch.setattr(npz_rows, '_BATCH', 16)  # two indices
    path = tmp_path / 'p.npz'
    lengths = [3, 0, 1, 1, 5, 0]
    offsets = np.r_[0, np.cumsum(lengths)]
    np.savez(
        path,
        indices=np.arange(10),
        offsets=offsets,
        scene_id=['a'] * 6,
        ann_id=range(6))
    values = [row[3] for row in read(path)]
    assert values == [list(range(a, b)) for a, b in zip(offsets, offsets[1:])]


def test_folder_names_the_scene(tmp_path):
    for scene in 'ba':
        rows = [dict(ann_id=0, boxes=[[0, 0, 0, 1, 1, 1]])]
        (tmp_path / f'{scene}.json').write_text(json.dumps(rows))
    (tmp_path / 'readme.txt').write_text('')
    found = list(read_predictions(tmp_path))
    assert [(p.ids['scene_id'], p.kind) for p in found] == [('a', 'boxes'),
                                                            ('b', 'boxes')]
    (tmp_path / 'none').mkdir()
    with pytest.raises(FileNotFoundError, match='none has no file .json'):
        list(read_predictions(tmp_path / 'none'))


@pytest.mark.parametrize('row, kind', [
    (dict(rle=dict(size=[2, 2], counts=[4])), 'rle'),
    (dict(segmentation=dict(size=[2, 2], counts='04')), 'rle'),
    (dict(segmentation=[[0, 0, 1, 0, 1, 1]]), 'polygons'),
    (dict(pred_mask=dict(length=4, counts='1 2')), 'rle'),
    (dict(mask=[0, 1]), 'mask'),
    (dict(aabbs=[]), 'boxes'),
])
def test_kinds(tmp_path, row, kind):
    path = tmp_path / 'p.json'
    path.write_text(json.dumps([dict(row, sent_id=3)]))
    found, = read_predictions(path)
    assert found.kind == kind and found.ids == dict(sent_id=3)


@pytest.mark.parametrize('text, message', [
    ('', "begins with ''"),
    ('hello', "begins with 'h'"),
    ('[', 'row 0: the file is cut off'),
    (json.dumps(ROWS)[:-9], 'row 2: it is not valid JSON'),
    (json.dumps(ROWS) + 'x', 'row 3: something stands behind the list'),
    ('[[1]]', r"row 0: it begins with '\[', not an object"),
    ('[{"a": ' + '[' * 100000, 'nested too deeply'),
    ('{"a": 1}', 'row 0: it has no mask, but must have one of point_indices'),
    ('{"iou": 0.5, "inter": 1, "union": 2}',
     'scores that tools/test.py --out'),
    ('{"mask": [], "rle": {}}', r"it has \['mask', 'rle'\]"),
    ('{"mask": []}\n{', 'line 2 is not valid JSON'),
    ('{"predictions": 3}', 'an object with a list "predictions"'),
    ('{\n"other": []}', 'an object with a list "predictions"'),
])
def test_broken_json(tmp_path, text, message):
    path = tmp_path / 'p.json'
    path.write_text(text)
    with pytest.raises(PredictionError, match=message) as error:
        list(read_predictions(path))
    assert str(path) in str(error.value)


def test_not_utf8(tmp_path):
    path = tmp_path / 'p.json'
    path.write_bytes(b'[{"a": "\xff"}]')
    with pytest.raises(PredictionError, match='is not UTF-8 text'):
        list(read_predictions(path))


INDICES = dict(indices=[1, 2], offsets=[0, 2], ann_id=[0])


@pytest.mark.parametrize('arrays, message', [
    (dict(ann_id=[0]), 'must have one of indices, boxes, masks'),
    (dict(INDICES, masks=np.zeros((1, 2))), 'must have one of'),
    (dict(indices=[1], ann_id=[0]), 'has no "offsets"'),
    (dict(INDICES, offsets=[0, 3]), 'must rise from 0 to the length'),
    (dict(INDICES, offsets=[0, 3, 2], ann_id=[0, 1]), 'must rise from 0'),
    (dict(INDICES, indices=[1.5, 2.]), '"indices" has shape'),
    (dict(INDICES, ann_id=[0, 1]), '"ann_id" has shape'),
    (dict(INDICES, ann_id=np.array([None])), 'holds Python objects'),
    (dict(masks=np.asfortranarray(np.zeros((2, 2)))), 'in Fortran order'),
    (dict(boxes=np.zeros((2, 7)), offsets=[0, 2]), '"boxes" has shape'),
])
def test_wrong_npz(tmp_path, arrays, message):
    path = tmp_path / 'p.npz'
    np.savez(path, **arrays)
    with pytest.raises(PredictionError, match=message):
        list(read_predictions(path))


def test_damaged_npz(tmp_path):
    path = tmp_path / 'p.npz'
    path.write_bytes(b'no zip')
    with pytest.raises(PredictionError, match='is not a whole NPZ file'):
        list(read_predictions(path))
    # a header that promises more than there is
    whole = tmp_path / 'whole.npz'
    np.savez(whole, masks=np.zeros((3, 4), bool))
    with zipfile.ZipFile(whole) as archive:
        data = archive.read('masks.npy')
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('masks.npy', data[:-4])
    with pytest.raises(PredictionError, match='"masks" is cut off'):
        list(read_predictions(path))
