"""Which annotation a prediction is of."""
import pytest

from mmlangseg.evaluation import PredictionError, RowIndex

KEYS = [('a', 0), ('a', 0), ('b', '0')]


@pytest.fixture
def index():
    return RowIndex(('scene_id', 'ann_id'), KEYS, 'val.json', 'object_id',
                    [1, 2, 3])


def test_ids_are_text_or_numbers(index):
    assert index.take(dict(scene_id='b', ann_id=0), 'w') == 2
    assert index.take(dict(scene_id='a', ann_id='0', object_id='2'), 'w') == 1
    # columns of NumPy and of tables with gaps
    ids = dict(scene_id=b'a', ann_id=0., object_id=1.)
    assert index.take(ids, 'w') == 0
    index.finish('p.json')


@pytest.mark.parametrize('ids, message', [
    (dict(scene_id='a'), 'p, row 1: it has no "ann_id"'),
    (dict(scene_id='c', ann_id=0), 'scene_id c, ann_id 0 is not in val.json'),
    (dict(scene_id='a', ann_id=0), '2 annotations: add "object_id"'),
    (dict(scene_id='b', ann_id=0, object_id=7),
     'object_id 7 is not in val.json, where "object_id" is 3'),
])
def test_unknown_ids(index, ids, message):
    with pytest.raises(PredictionError, match=message):
        index.take(ids, 'p, row 1')


def test_double_and_missing_ids(index):
    index.take(dict(scene_id='b', ann_id=0), 'p, row 0')
    with pytest.raises(PredictionError, match='p, row 1: there was a predict'):
        index.take(dict(scene_id='b', ann_id=0, object_id=3), 'p, row 1')
    with pytest.raises(
            PredictionError,
            match='p: 2 of the 3 annotations of '
            'val.json have no prediction: scene_id a, ann_id 0, '
            'object_id 1; .*Predict an empty mask'):
        index.finish('p')


def test_annotations_that_cannot_be_told_apart():
    with pytest.raises(PredictionError, match='val.json: rows 0 and 1 have'):
        RowIndex(('scene_id', 'ann_id'), KEYS, 'val.json')
