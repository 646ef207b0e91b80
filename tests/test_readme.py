"""The READMEs and the pages of docs/ name files, commands and options that
exist, and the site shows all pages."""
from __future__ import annotations
import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
READMES = [ROOT / 'README.md', *sorted(ROOT.glob('projects/*/README.md'))]
DOCS = sorted(ROOT.glob('docs/**/*.md'))
PAGES = [*READMES, ROOT / 'tests/README.md', ROOT / 'CONTRIBUTING.md', *DOCS]
# of a checkout; an unpacked source distribution has the first README only
PAGES = [page for page in PAGES if page.is_file()]
FENCE = re.compile(r'^( *)```.*?^\1```$', re.DOTALL | re.MULTILINE)
PROGRAM = re.compile(r'(?:configs|tools|\.dev_scripts)/\S+\.(?:py|sh)$')
LINK = re.compile(r'(?<!!)\[[^]]+\]\(([^)]+)\)')
PICTURE = re.compile(r'!\[[^]]*\]\(([^)]+)\)')


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub('', page.read_text(encoding='utf-8'))


def commands(page: Path) -> list[list[str]]:
    """The words of every line of the shell blocks."""
    blocks = re.findall(r'^ *```bash\n(.*?)^ *```',
                        page.read_text(encoding='utf-8'),
                        re.DOTALL | re.MULTILINE)
    lines = ''.join(blocks).replace('\\\n', ' ').splitlines()
    return [words for line in lines if (words := shlex.split(line, True))]


def anchors(page: Path) -> list[str]:
    """GitHub's names of the headings."""
    titles = re.findall(r'^#+ (.+)$', prose(page), re.MULTILINE)
    return [
        re.sub(r'[^\w\- ]', '', title).lower().replace(' ', '-')
        for title in titles
    ]


def check_links(page: Path) -> int:
    """Every link of the page that stays in the repository leads somewhere."""
    links = [link for link in LINK.findall(prose(page)) if '://' not in link]
    for link in links:
        name, _, anchor = link.partition('#')
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
    return len(links)


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_links(page):
    assert check_links(page) or page not in READMES


@pytest.mark.parametrize('link', [
    'other.md#no-such-title', 'missing.md', '#nor-this', '../outside.md',
    'other.md#a-comment'
])
def test_a_broken_link_is_found(tmp_path, link):
    (tmp_path / 'other.md').write_text('# A title\n\n```\n# a comment\n```\n')
    page = tmp_path / 'page.md'
    page.write_text('# Page\n\n[right](other.md#a-title), [page](#page)\n')
    assert check_links(page) == 2
    page.write_text(f'{page.read_text()}\n[wrong]({link})\n')
    with pytest.raises(AssertionError):
        check_links(page)


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_headings(page):
    """The two ways of naming the second of two equal headings differ."""
    names = anchors(page)
    assert len(set(names)) == len(names)
    assert page not in DOCS or page.read_text().startswith('# ')


@pytest.mark.skipif(
    not (ROOT / 'resources').is_dir(), reason='no pictures in this checkout')
@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_pictures(page):
    for name in PICTURE.findall(page.read_text()):
        assert (page.parent / name).is_file(), name


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_commands(page):
    found = 0
    for words in commands(page):
        for word in words:
            # "DIR/script.py" and "work_dirs/..." are the reader's own
            if PROGRAM.match(word):
                assert (ROOT / word).is_file(), words
        tools = [
            word for word in words if re.match(r'tools/\S+\.(py|sh)$', word)
        ]
        if not tools:
            continue
        found += 1
        check_options(tools[0], words)
    assert found or page not in READMES


def check_options(tool: str, words: list[str]) -> None:
    """Every option is written in the source of the tool, or in that of the
    function which adds it."""
    source = (ROOT / tool.replace('dist_', '').replace('slurm_', '').replace(
        '.sh', '.py')).read_text()
    if 'add_cfg_options(' in source:
        source += (ROOT / 'mmlangseg/cli/cfg_options.py').read_text()
    for word in words:
        if word.startswith('--'):
            assert f"'{word}'" in source, words


def leaves(item) -> list[str]:
    """The pages of a part of the navigation, in order."""
    if isinstance(item, str):
        return [item]
    parts = item.values() if isinstance(item, dict) else item
    return [leaf for part in parts for leaf in leaves(part)]


@pytest.mark.skipif(not DOCS, reason='no docs in this checkout')
def test_navigation():
    """Every page once; the READMEs are named as the hook names them."""
    site = yaml.safe_load((ROOT / 'mkdocs.yml').read_text())
    named = leaves(site['nav'])
    expected = [page.relative_to(ROOT / 'docs').as_posix() for page in DOCS]
    systems = [f'systems/{page.parent.name}.md' for page in READMES[1:]]
    assert sorted(named) == sorted(['index.md', *systems, *expected])


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_results_are_not_written_over_each_other(page):
    """Masks of sentences and maps of classes of one file share names."""
    kinds: dict[str, set[str]] = {}
    for words in commands(page):
        if 'tools/infer.py' in words:
            query = {'--scan', '--text', '--classes'} & set(words)
            kinds.setdefault(words[words.index('--out') + 1],
                             set()).add(' '.join(sorted(query)))
    assert [out for out, queries in kinds.items() if len(queries) > 1] == []
