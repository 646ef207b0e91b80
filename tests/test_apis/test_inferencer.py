"""Lists, folders and batches, with a model that is none."""
from __future__ import annotations

import numpy as np
import pytest

from mmlangseg.apis.inferencer import Inferencer, check_sentences, is_many


class Letters(Inferencer):
    """Says whether a file has a letter."""

    system = 'less'
    unit = 'texts'
    suffixes = frozenset(['.txt'])

    def __call__(self, source, query, out_dir=None):
        if is_many(source):
            return self.all(source, query, out_dir=out_dir)
        text = source.read_text()
        if not text:
            raise ValueError(f'{source} is empty')
        return query in text

    def check_query(self, query, **options):
        if len(query) != 1:
            raise ValueError('one letter, please')


@pytest.fixture
def texts(tmp_path):
    for name, text in (('b.txt', 'bread'), ('a.TXT', 'apple'), ('c.txt', ''),
                       ('d.png', 'no text')):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_one_and_many(texts, capsys):
    letters = Letters()
    assert letters(texts / 'b.txt', 'r') is True
    assert letters([texts / 'b.txt', texts / 'a.TXT'], 'r') == [True, False]
    assert 'inference: 2/2 texts' in capsys.readouterr().out
    letters.show_progress = False
    assert letters([texts / 'b.txt'], 'r') == [True]
    assert capsys.readouterr().out == ''


def test_a_bad_input_stops_no_other(texts):
    (texts / 'e.txt').write_text('eggs')
    inputs = [texts, texts / 'none.txt']
    outcomes = list(Letters().each(inputs, 'e', batch_size=2))
    assert [o.source.name for o in outcomes
            ] == ['a.TXT', 'b.txt', 'c.txt', 'e.txt', 'none.txt']
    assert [o.result for o in outcomes] == [True, True, None, True, None]
    assert 'c.txt is empty' in str(outcomes[2].error)
    assert isinstance(outcomes[4].error, FileNotFoundError)
    with pytest.raises(ValueError, match='c.txt is empty'):
        Letters()(texts, 'e')  # without a loop of the caller


def test_what_is_wrong_with_all(texts, tmp_path):
    letters, empty = Letters(), tmp_path / 'empty'
    empty.mkdir()
    with pytest.raises(ValueError, match='one letter'):
        list(letters.each(texts, 'ea'))
    with pytest.raises(ValueError, match='empty has no texts.*end in .txt'):
        letters(empty, 'e')
    with pytest.raises(ValueError, match='list of texts is empty'):
        letters([], 'e')
    with pytest.raises(ValueError, match='batch_size=0'):
        list(letters.each(texts, 'e', batch_size=0))


def test_results_that_would_overwrite_each_other(texts):
    (texts / 'more').mkdir()
    (texts / 'more' / 'b.txt').write_text('bread')
    inputs = [texts, texts / 'more']
    with pytest.raises(ValueError, match='b.txt and .*same names'):
        Letters()(inputs, 'e', 'out')
    arrays = [np.zeros(1), np.zeros(1)]
    with pytest.raises(ValueError, match='arrays have no names'):
        Letters()(arrays, 'e', 'out')


def test_models_by_name():
    assert 'less_toy' in Letters.list_models()
    assert 'sseg_toy' not in Letters.list_models()


@pytest.mark.parametrize('texts', ['', ' \n', ['man', ''], [None], []])
def test_no_sentence(texts):
    with pytest.raises(ValueError, match='is empty'):
        check_sentences(texts)
