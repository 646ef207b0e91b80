from __future__ import annotations

import pytest

from mmlangseg.sseg.vocabulary import (ClassNames, read_class_names,
                                       write_class_names)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'classes.txt'


def test_forms_of_lines(path):
    path.write_text('2 fire hydrant\n\n 1\tcar; auto ;\n3   dog\n')
    classes = read_class_names(path)
    assert classes == ClassNames(
        (('car', 'auto'), ('fire hydrant', ), ('dog', )), False)
    assert classes.labels == ('car', 'fire hydrant', 'dog')
    path.write_text('0 background\n1 car\n')
    assert read_class_names(path) == ((('car', ), ), True)


@pytest.mark.parametrize('background', [True, False])
def test_written_and_read(path, background):
    names = tuple((f'class {i}', f'kind {i}') for i in range(1203))
    classes = ClassNames(names, background)
    write_class_names(path, classes)
    assert read_class_names(path) == classes


@pytest.mark.parametrize('text, message', [
    ('', 'but 0 are given'),
    ('0 background\n', 'but 0 are given'),
    ('0 sky\n1 car\n', 'id 0 is for the background'),
    ('1 car\n3 dog\n', 'but 2 are given, of which the highest is 3'),
    ('1 car\n1 dog\n', 'line 2: id 1 occurs twice'),
    ('car\n', "line 1: 'car' is not"),
    ('1 ;\n', 'line 1'),
    ('1 car\n2 dog3\tcat\n', 'line 2: \'dog3'),
    ('1 <html>\n', "line 1: '<html>' cannot be the name of a class"),
    ('1 Cardigan\n2 cardigan\n',
     "'cardigan' is given twice: as number 1 and 2"),
    (b'\xff\xfe1', 'not a UTF-8 text file'),
])
def test_malformed(path, text, message):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message) as error:
        read_class_names(path)
    assert str(path) in str(error.value)


def test_missing(path):
    with pytest.raises(FileNotFoundError, match='lvis.py'):
        read_class_names(path)


@pytest.mark.parametrize('names', [('a;b', ), ('a\nb', ), (' ', )])
def test_names_that_cannot_be_written(path, names):
    with pytest.raises(ValueError, match='cannot be a class name'):
        write_class_names(path, ClassNames((names, ), False))
    assert not path.exists()
