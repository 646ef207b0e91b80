"""What the site's links become, and how the walks of docs/design/house.md
are found."""
from __future__ import annotations
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / '.dev_scripts'
sys.path.insert(0, str(FOLDER))

import mkdocs_hook  # noqa: E402
import walks  # noqa: E402

from mmlangseg.io.nearest import resize_nearest  # noqa: E402

URL = 'https://example.org/code/'


@pytest.mark.parametrize(
    'repo_url, source, site, link, expected',
    [
        (None, 'README.md', 'index.md', 'docs/data.md#data', 'data.md#data'),
        (None, 'docs/results/less.md', 'results/less.md',
         '../../projects/LESS/README.md#data', '../systems/LESS.md#data'),
        (None, 'projects/LESS/README.md', 'systems/LESS.md',
         '../../README.md#two-commands', '../index.md#two-commands'),
        (URL, 'docs/data.md', 'data.md', '../mmlangseg/io/images.py',
         'https://example.org/code/blob/main/mmlangseg/io/images.py'),
        (None, 'docs/data.md', 'data.md', '#data', '#data'),
        (None, 'docs/data.md', 'data.md', 'https://example.org/x',
         'https://example.org/x'),
        # MkDocs is to find this one
        (None, 'docs/data.md', 'data.md', 'nowhere.md', 'nowhere.md'),
    ])
def test_links_of_the_site(repo_url, source, site, link, expected):
    config = SimpleNamespace(repo_url=repo_url)
    text = mkdocs_hook.turn_links(f'A [label]({link}).', source, site, config)
    assert text == f'A [label]({expected}).'


def test_code_is_text_without_a_repository():
    config = SimpleNamespace(repo_url=None)
    text = mkdocs_hook.turn_links('[reader](../mmlangseg/io/images.py)',
                                  'docs/data.md', 'data.md', config)
    assert text == 'reader'


@pytest.mark.skipif(
    not (FOLDER.parent / 'resources').is_dir(), reason='no pictures')
def test_pictures_and_blocks_of_code():
    page = SimpleNamespace(file=SimpleNamespace(src_uri='results/less.md'))
    picture = '![room](../../resources/less_toy.png)'
    text = mkdocs_hook.on_page_markdown(f'{picture}\n\n```\n{picture}\n```\n',
                                        page, SimpleNamespace(repo_url=None),
                                        None)
    assert text == ('![room](../resources/less_toy.png)\n\n'
                    f'```\n{picture}\n```\n')


def test_walk(capsys):
    """Files whose functions run, once each; those of libraries not."""
    with walks.walk('labels'):
        for size in ((2, 2), (8, 6)):
            resize_nearest(np.zeros((4, 6), np.uint8), size)
        np.median(np.arange(9))
    lines = len(
        (FOLDER.parent / 'mmlangseg/io/nearest.py').read_text().splitlines())
    assert capsys.readouterr().out == (
        f'\nlabels: 1 files, {lines} lines\n  mmlangseg/io/nearest.py\n')


def test_walk_without_imports(capsys, monkeypatch):
    """What runs while a module is imported does not count."""
    monkeypatch.delitem(sys.modules, 'mmlangseg.version', raising=False)
    with walks.walk('import'):
        __import__('mmlangseg.version')
    assert capsys.readouterr().out == '\nimport: 0 files, 0 lines\n'
