"""What messages, comments and docstrings tell a user to run is there."""
from __future__ import annotations
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ('mmlangseg', 'projects', 'configs', 'tools', '.dev_scripts')
PROGRAM = re.compile(r"(MMSegmentation's\s+(?:#\s*)?)?"
                     r'(tools/(?:\w+/)*\w+\.(?:py|sh))\b')
TARGET = re.compile(r'`make ([\w-]+)`')


def sources() -> list[Path]:
    return [
        path for folder in FOLDERS for suffix in ('py', 'sh', 'md', 'yml')
        for path in sorted((ROOT / folder).rglob(f'*.{suffix}'))
    ]


def text_of(path: Path) -> str:
    """A file in which strings that Python joins are one."""
    return re.sub(r"'\s*\n\s*f?'", '', path.read_text(encoding='utf-8'))


def test_programs():
    found = 0
    for path in sources():
        for other, program in PROGRAM.findall(text_of(path)):
            found += 1
            assert other or (ROOT / program).is_file(), (path, program)
    assert found > 200


@pytest.mark.skipif(
    not (ROOT / 'Makefile').is_file(), reason='no Makefile in this checkout')
def test_targets_of_make():
    targets = set(
        re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.M))
    readmes = [
        ROOT / 'README.md', ROOT / 'CONTRIBUTING.md',
        *ROOT.glob('docs/**/*.md')
    ]
    named = {
        target
        for path in sources() + readmes
        for target in TARGET.findall(text_of(path))
    }
    assert {'demo', 'test'} <= named <= targets


def test_short_names_of_programs():
    """Such as ``own_scans.py`` in "scannet.py or own_scans.py"."""
    names = {path.name for path in ROOT.joinpath('tools').rglob('*.py')}
    for path in sources():
        said = re.findall(r'tools/(?:\w+/)*\w+\.py,? (?:and|or) (\w+\.py)\b',
                          text_of(path))
        assert set(said) <= names, path
