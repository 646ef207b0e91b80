"""Answers as HTML: everything that a user brings is text in it."""
from __future__ import annotations
from html.parser import HTMLParser

import numpy as np
from app_parts.answer_html import classes_answer, problem, sentence_answer

from mmlangseg.apis import ImageResult, SemanticResult

NASTY = '"><b>x</b>&amp;\' ${1} {{1}}'


class Reader(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ''
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_sentence():
    mask = np.zeros((40, 50), bool)
    mask[:, :25] = True
    result = ImageResult(NASTY, mask, 0.876, [0, 0, 25, 40], [NASTY])
    name = NASTY.replace('/', '')
    read = Reader(sentence_answer(f'{name}.png', 'TOKEN', result))
    assert not read.all('b')
    assert f'1,000 pixels, score 0.88: {NASTY}' in read.text
    assert result.warning in read.text
    picture, = read.all('img')
    assert picture['src'].startswith('answers/TOKEN/%22%3E%3Cb%3Ex%3Cb')
    links = read.all('a')
    assert [link['download'].removeprefix(name)
            for link in links] == ['_0_mask.png', '_0.png', '.json']


def test_nothing_found():
    result = ImageResult('cat', np.zeros((4, 5), bool), 0., None)
    read = Reader(sentence_answer('a.b.png', 'T', result))
    assert 'nothing found: cat' in read.text
    assert [link['href'] for link in read.all('a')] == [
        f'answers/T/a.b{end}' for end in ('_0_mask.png', '_0.png', '.json')
    ]


def test_classes():
    labels = np.repeat([0, 1, 1, 2], 5)[None]
    result = SemanticResult(labels, np.full(labels.shape, 0.5, np.float32),
                            ('background', NASTY, 'dog'), {}, NASTY)
    read = Reader(classes_answer('a.png', 'T', result))
    assert not read.all('b') and NASTY in read.text
    assert '50.0%' in read.text and 'score 0.50' in read.text
    colors = [span['style'] for span in read.all('span')]
    assert len(set(colors)) == 3 and '' in colors
    assert [link['download']
            for link in read.all('a')] == ['a_labels.png', 'a.json', 'a.png']


def test_many_classes():
    labels = np.arange(30)[None]
    result = SemanticResult(labels, np.ones(labels.shape, np.float32),
                            tuple(f'thing {i}' for i in range(30)))
    read = Reader(classes_answer('a.png', 'T', result))
    assert len(read.all('tr')) == 24
    assert 'and 6 smaller ones' in read.text


def test_problem():
    read = Reader(problem(NASTY, NASTY))
    assert not read.all('b') and read.text == NASTY + NASTY
    assert read.all('div')[0]['role'] == 'alert'
