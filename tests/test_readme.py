"""The READMEs name files, commands and options that exist."""
from __future__ import annotations
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
READMES = [ROOT / 'README.md', *sorted(ROOT.glob('projects/*/README.md'))]


def commands(readme: Path) -> list[list[str]]:
    """The words of every line of the shell blocks."""
    blocks = re.findall(r'^ *```bash\n(.*?)^ *```', readme.read_text(),
                        re.DOTALL | re.MULTILINE)
    lines = ''.join(blocks).replace('\\\n', ' ').splitlines()
    return [words for line in lines if (words := shlex.split(line, True))]


def anchors(readme: Path) -> set[str]:
    """GitHub's names of the headings."""
    titles = re.findall(r'^#+ (.+)$', readme.read_text(), re.MULTILINE)
    return {
        re.sub(r'[^\w\- ]', '', title).lower().replace(' ', '-')
        for title in titles
    }


@pytest.mark.parametrize('readme', READMES, ids=lambda p: p.parent.name)
def test_links(readme):
    links = re.findall(r'(?<!!)\[[^]]+\]\(([^)]+)\)', readme.read_text())
    assert links
    for link in links:
        if '://' in link:
            continue
        name, _, anchor = link.partition('#')
        target = (readme.parent / name).resolve() if name else readme
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.skipif(
    not (ROOT / 'resources').is_dir(), reason='no pictures in this checkout')
@pytest.mark.parametrize('readme', READMES, ids=lambda p: p.parent.name)
def test_pictures(readme):
    for name in re.findall(r'!\[[^]]*\]\(([^)]+)\)', readme.read_text()):
        assert (readme.parent / name).is_file(), name


@pytest.mark.parametrize('readme', READMES, ids=lambda p: p.parent.name)
def test_commands(readme):
    found = 0
    for words in commands(readme):
        for word in words:
            if re.match(r'(configs|tools)/\S+\.(py|sh)$', word):
                assert (ROOT / word).is_file(), words
        tools = [w for w in words if re.match(r'tools/\S+\.(py|sh)$', w)]
        if not tools:
            continue
        found += 1
        check_options(tools[0], words)
    assert found


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
