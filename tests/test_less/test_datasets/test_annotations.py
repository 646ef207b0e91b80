import json

import pytest
from scan_data import make_row

from mmlangseg.less.datasets import annotations


def test_clean_row():
    row = annotations.clean_row(make_row('scene0000_00', 7, 2))
    assert row == dict(
        scene_id='scene0000_00',
        object_ids=[7],
        object_name='chair',
        ann_id='2',
        description='the chair number 7, please.',
        token=['the', 'chair', 'number', '7', ',', 'please', '.'],
        groups=[])


def test_several_and_no_targets():
    row = make_row('s', 1, object_ids=[4, '2', 4])
    assert annotations.clean_row(row)['object_ids'] == [2, 4]
    row = make_row('s', 1, object_ids=[])
    assert annotations.clean_row(row)['object_ids'] == []


def test_missing_tokens_are_made():
    row = make_row('s', 1, description="It's the TV, on a_b (left).")
    del row['token']
    assert annotations.clean_row(row)['token'] == [
        "it's", 'the', 'tv', ',', 'on', 'a', '_', 'b', '(', 'left', ')', '.'
    ]


@pytest.mark.parametrize('change, message', [
    (dict(scene_id=None), '"scene_id"'),
    (dict(scene_id='../etc'), '"scene_id"'),
    (dict(object_id='x'), '"object_id" is \'x\''),
    (dict(object_id=-1), 'from 0'),
    (dict(object_id=1.5), 'not an integer'),
    (dict(object_id=True), 'not an integer'),
    (dict(object_ids=3), '"object_ids" is not a list'),
    (dict(object_ids=[None]), '"object_ids"'),
    (dict(description=3), '"description" is not a string'),
    (dict(description='', token=[]), '"description" is empty'),
    (dict(description=' ', token=[' ']), '"description" is empty'),
    (dict(token='a chair'), '"token" is not a list'),
    (dict(groups=[1]), '"groups" is not a list'),
    (dict(object_name=['chair']), '"object_name" is [\'chair\'], neither'),
    (dict(ann_id=None), '"ann_id" is None, neither text nor a number'),
])
def test_faults_name_row_and_field(tmp_path, change, message):
    path = tmp_path / 'rows.json'
    path.write_text(json.dumps([make_row('s', 1), make_row('s', 1, **change)]))
    with pytest.raises(annotations.AnnotationError) as error:
        annotations.read_annotations(path)
    assert message in str(error.value)
    assert 'rows.json' in str(error.value) and 'row 1' in str(error.value)


@pytest.mark.parametrize('key', ['scene_id', 'object_id', 'ann_id'])
def test_missing_fields(key):
    row = make_row('s', 1)
    del row[key]
    with pytest.raises(ValueError, match=f'"{key}" is missing'):
        annotations.clean_row(row)


def test_many_faults_are_summed_up(tmp_path):
    with pytest.raises(annotations.AnnotationError) as error:
        annotations.clean_rows([3] * 25, 'rows.json')
    lines = str(error.value).splitlines()
    assert len(lines) == 12 and lines[-1].strip() == '... and 15 more'


@pytest.mark.parametrize('text, message', [
    ('[{"scene_id": "s", ]', 'line 1 column'),
    ('{"a": 1}', 'neither a list'),
    ('[]', 'no rows'),
    ('{"metainfo": 3, "data_list": []}', '"metainfo" is not'),
    ('\xff', 'not UTF-8'),
])
def test_malformed_files(tmp_path, text, message):
    path = tmp_path / 'rows.json'
    path.write_bytes(text.encode('latin1'))
    with pytest.raises(annotations.AnnotationError, match=message):
        annotations.read_annotations(path)
    with pytest.raises(FileNotFoundError, match='scanrefer.py'):
        annotations.read_annotations(tmp_path / 'none.json')


def test_write_and_read(tmp_path):
    rows = [
        annotations.clean_row(make_row('s', 1, groups=['unique'])),
        annotations.clean_row(make_row('s', 1, object_ids=[]))
    ]
    path = tmp_path / 'a' / 'rows.json'
    annotations.write_annotations(path, dict(dataset='x'), rows)
    metainfo, read = annotations.read_annotations(path)
    assert metainfo == dict(dataset='x') and read == rows
    raw = json.loads(path.read_text())['data_list']
    assert [row['object_id'] for row in raw] == ['1', '']


def test_words_of_mirrored_sentences(tmp_path):
    """A GRU would learn the vector of all unknown words as "rightmost"."""
    text = 'the leftmost cup , left of the pot .'
    row = annotations.clean_row(make_row('s', 1, token=text.split()))
    annotations.write_annotations(tmp_path / 'a.json', {}, [row])
    words = (tmp_path / 'a.words.txt').read_text().split()
    assert words == sorted({*text.split(), 'right', 'rightmost'})
