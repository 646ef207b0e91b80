"""classes.txt from the files of others."""
import json

import pytest
import scan_data

from mmlangseg.sseg.vocabulary import read_class_names


@pytest.fixture(scope='module')
def tool():
    return scan_data.load_converter('class_names')


@pytest.mark.parametrize('name, text', [
    ('a.json', json.dumps(['wall', 'big tree', 'sea'])),
    ('a.json', json.dumps({
        '2': 'sea',
        '0': 'wall',
        '1': 'big tree'
    })),
    ('a.txt', '1: wall\n2: big tree\n\n3: sea\n'),
    ('a.txt', 'wall\nbig tree\nsea'),
])
def test_forms(tool, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert tool.main([str(tmp_path / name), str(tmp_path / 'out.txt')]) == 0
    names = read_class_names(tmp_path / 'out.txt')
    assert names.labels == ('wall', 'big tree', 'sea')
    assert not names.background


def test_synonyms(tool):
    names = [
        'crane', 'building, edifice,', 'crane, bird', 'crane, bird, stork'
    ]
    assert tool.split_synonyms(names, ',') == [('crane', ),
                                               ('building', 'edifice'),
                                               ('bird', 'crane'),
                                               ('stork', 'crane', 'bird')]
    assert tool.split_synonyms(['a, b'], '') == [('a, b', )]


@pytest.mark.parametrize('name, text, message', [
    ('a.json', '[1]', 'is not a list of names'),
    ('a.json', '{"a": "b"}', 'the keys are not numbers'),
    ('a.json', '{"1": "a", "3": "b"}', 'do not follow each other'),
    ('a.txt', '1: a\n1: b', 'an id stands twice'),
    ('a.txt', '', 'is not a list of names'),
    ('a.json', '["a", "A"]', "'A' is given twice"),
])
def test_wrong_files(tool, tmp_path, capsys, name, text, message):
    (tmp_path / name).write_text(text)
    assert tool.main([str(tmp_path / name), str(tmp_path / 'out.txt')]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out.txt').exists()
