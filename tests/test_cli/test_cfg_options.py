from __future__ import annotations
import argparse
import re
from pathlib import Path

import pytest

from mmlangseg.cli.cfg_options import CfgOptions, parse_value

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.mark.parametrize('text, value', [
    ('3', 3),
    ('1e-3', 1e-3),
    ('false', False),
    ('None', None),
    ('bert', 'bert'),
    ('', ''),
    ('a,b', ['a', 'b']),
    ('[a, b]', ['a', 'b']),
    ('(480,)', (480, )),
    ('[]', []),
    ('[(1, 2), [3]]', [(1, 2), [3]]),
    ('1,', [1]),
])
def test_values_as_in_mmengine(text, value):
    assert parse_value(text) == value


@pytest.mark.parametrize('text, value', [
    ('traffic light', 'traffic light'),
    ('[traffic light,fire hydrant]', ['traffic light', 'fire hydrant']),
    ('my photos/a  b.jpg', 'my photos/a  b.jpg'),
    ("[driver's seat, kid's toy]", ["driver's seat", "kid's toy"]),
    ("['salt, pepper', \"cup\"]", ['salt, pepper', 'cup']),
    ("'data/a,b'", 'data/a,b'),
    ("'[a b, c]'", ['a b', 'c']),
    ('cup (blue, big)', 'cup (blue, big)'),
    ('(a) or (b)', '(a) or (b)'),
    (' [ red cup , 2 ] ', ['red cup', 2]),
])
def test_blanks_stay(text, value):
    assert parse_value(text) == value


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions)
    return parser


def test_option(parser):
    args = parser.parse_args([
        '--cfg-options', 'a.b=x y', 'c=d=e', '--cfg-options',
        'classes=[traffic light]'
    ])
    assert args.cfg_options == {
        'a.b': 'x y',
        'c': 'd=e',
        'classes': ['traffic light']
    }


@pytest.mark.parametrize(
    'words', [['classes=[traffic', 'light]'], ['light]'], ['=3'], ['a=(1]']])
def test_one_clear_line(parser, capsys, words):
    """Such as a value with blanks that the shell has split."""
    with pytest.raises(SystemExit):
        parser.parse_args(['--cfg-options', *words])
    message = capsys.readouterr().err.splitlines()[-1]
    assert repr(words[0]) in message and 'quotes' in message


def test_every_tool_keeps_blanks():
    sources = {path: path.read_text() for path in TOOLS.rglob('*.py')}
    # a list of words for another program begins with a bracket
    option = re.compile(r"[(\s]'--cfg-options'|add_cfg_options\(")
    takers = [s for s in sources.values() if option.search(s)]
    assert len(takers) >= 9
    assert all('action=CfgOptions' in source or 'add_cfg_options(' in source
               for source in takers)
    assert not [p for p, source in sources.items() if 'DictAction' in source]
