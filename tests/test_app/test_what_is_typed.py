"""What is typed into the image page: sentences, classes, thresholds."""
from __future__ import annotations
from pathlib import Path

import pytest
from app_parts.class_box import parse_classes
from app_parts.limits import (MAX_IMAGES, check_count, check_sentence,
                              check_threshold)

from mmlangseg.sseg.vocabulary.build_vocabulary import build_vocabulary


@pytest.mark.parametrize('text, as_infer', [
    ('cat,dog', 'cat,dog'),
    ('cat\ndog', 'cat,dog'),
    ('cat; kitten\r\n traffic light ;stoplight,dog',
     'cat;kitten,traffic light;stoplight,dog'),
    ('\n cat ,\n\n,dog;,', 'cat,dog'),
    ('voc21\n/etc/passwd', ['voc21', '/etc/passwd']),
    ('names.txt', ['names.txt']),
])
def test_classes_are_those_of_infer(text, as_infer, tmp_path, monkeypatch):
    """But that no text is the name of a file or of a benchmark."""
    monkeypatch.chdir(tmp_path)
    Path('names.txt').write_text('bird')
    read = build_vocabulary(parse_classes(text), ['a {}'])
    assert read == build_vocabulary(as_infer, ['a {}'])


@pytest.mark.parametrize('text, message', [
    ('', 'Type names of classes first'),
    (' ,;\n', 'Type names of classes first'),
    (None, 'Type names of classes first'),
    (['cat'], 'Type names of classes first'),
    ('cat, <b>x</b>', "'<b>x</b>' cannot be the name of a class"),
    ("cat, 'dog'", 'cannot be the name of a class'),
    ('cat\t1', 'cannot be the name of a class'),
    ('1: cat', 'cannot be the name of a class'),
    ('a,' * 501, '501 classes are more than 500'),
    ('a' * 20_001, 'have 20,001 characters'),
])
def test_wrong_classes(text, message):
    with pytest.raises(ValueError, match=message):
        parse_classes(text)


def test_sentences():
    assert check_sentence('  the red cup \n') == 'the red cup'
    assert check_sentence('<b>Größe</b> 🙂') == '<b>Größe</b> 🙂'
    for wrong, message in ((' ', 'Type a sentence'), (None, 'Type a sentence'),
                           ({}, 'Type a sentence'), ('a' * 1001, '1,001'),
                           ('a\nb', 'one line'), ('a\0b', 'one line')):
        with pytest.raises(ValueError, match=message):
            check_sentence(wrong)


def test_thresholds_and_numbers_of_images():
    assert [check_threshold(value) for value in (0, 0.5, 1)] == [0, 0.5, 1]
    for wrong in (-0.1, 1.1, float('nan'), '0.5', None):
        with pytest.raises(ValueError, match='from 0 to 1'):
            check_threshold(wrong)
    check_count(MAX_IMAGES)
    for wrong in (0, MAX_IMAGES + 1):
        with pytest.raises(ValueError, match='image'):
            check_count(wrong)
