"""Files with one class per line, of this project and of others."""
from __future__ import annotations
import os
import re
from pathlib import Path
from typing import NamedTuple

from .class_file import check_distinct, check_name

BACKGROUND = 'background'

# So many words in the first line, most of them such, stand for the
# background: SCLIP, ProxyCLIP and CorrCLIP do not call it by its name.
_MANY = 5
_STUFF = frozenset(
    'sky wall tree wood grass road sea river mountain sand sands water '
    'building cloud clouds door window ceiling curtain stair stairs floor '
    'hill rail fence ground field rock snow street sidewalk plant bush '
    'bridge platform cabinet shelf desk bed lamp wardrobe'.split())

# Marks of other kinds of files: quotes, lists, comments, columns, ids.
_NO_NAME = re.compile(
    r'["\[#].*|.*["\]]|\'.*\'|.*\t.*|\d+\s*[:=].*|\d+[.)]\s.*')


class ClassLines(NamedTuple):
    """What a file with one class per line says.

    Attributes:
        classes: Their names, one of each line.
        names: Of each line: the name and its synonyms.
        background: Whether the first line was ``background`` alone, which is
            what belongs to no class; it is not in ``names``.
        understood: The same in a sentence.
    """
    classes: list[str]
    names: list[list[str]]
    background: bool
    understood: str


def read_class_lines(path: str | os.PathLike) -> ClassLines:
    """Read the names of classes, one class per line.

    Synonyms follow a name behind ``;``, or behind ``,`` as in the files of
    SCLIP, ProxyCLIP and CorrCLIP; the file decides which. If its first line
    is ``background``, this is what belongs to no class. If it names many
    words of backgrounds (``background, sky, wall, ...`` or, as in those
    projects, ``sky, wall, ...``), the first class is called background, and
    is chosen like any other, by its words.

    Raises:
        ValueError: The file is no text, has no class, has both ``;`` and
            ``,``, is one line with commas, or has something else than names.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError:
        raise ValueError(f'{path} is not a UTF-8 text file with one class per '
                         'line') from None
    rows = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise ValueError(f'{path} has no class: write one per line')
    by = {mark: [i for i, line in rows if mark in line] for mark in (';', ',')}
    if by[';'] and by[',']:
        raise ValueError(
            f'{path} has ";" in line {by[";"][0]} and "," in line '
            f'{by[","][0]}, so that it is not clear which of them separates '
            'synonyms. Use one of them; a name that holds a comma may stand '
            'in a file with ids ("1 water, still;sea")')
    mark = ',' if by[','] else ';'
    if by[','] and len(rows) == 1:
        raise ValueError(
            f'{path} is one line with commas, so that it is not clear whether '
            'they separate classes or synonyms: write one class per line; '
            'synonyms of a single class stand behind ";"')
    names = [_split(path, i, line, mark) for i, line in rows]
    for (number, _), row in zip(rows, names):
        for name in row:
            check_name(name, f'{path}, line {number}')
    first = names[0]
    alone = len(names) > 1 and [n.casefold() for n in first] == [BACKGROUND]
    words = not alone and _is_background(first)
    if alone:
        names = names[1:]
    classes = [row[0] for row in names]
    if words:
        classes[0] = BACKGROUND
    check_distinct(classes, path)
    many = sum(len(row) > 1 for row in names)
    parts = [f'{path}: {len(names)} classes']
    if many:
        parts.append(f'{many} with synonyms behind "{mark}"')
    if alone:
        parts.append('and what belongs to none of them is background')
    elif words:
        parts.append(f'of which the first is the background by its words '
                     f'({", ".join(first[:4])} ...), without a threshold')
    return ClassLines(classes, names, alone, ', '.join(parts))


def is_name(text: str) -> bool:
    """Whether a text may be the name of a class, and not a part of a file
    of another kind, such as a quoted name."""
    return not _NO_NAME.fullmatch(text.strip())


def _split(path: str | os.PathLike, number: int, line: str,
           mark: str) -> list[str]:
    """The names of a line, which may end in the mark."""
    names = [name.strip() for name in line.split(mark) if name.strip()]
    numbered = len(names) > 1 and names[0].isdecimal()
    if not names or numbered or not all(map(is_name, (line, *names))):
        raise ValueError(
            f'{path}, line {number}: {line.strip()[:60]!r} is not a name, or '
            f'names separated by "{mark}". Write one class per line, without '
            'quotes, brackets, tabs and comments; an id stands before a '
            'blank, in all lines or none ("1 cat")')
    return names


def _is_background(names: list[str]) -> bool:
    """Whether names are those of backgrounds, not synonyms."""
    if names[0].casefold() == BACKGROUND:
        return len(names) > 1
    known = sum(name.casefold() in _STUFF for name in names)
    return len(names) >= _MANY and 2 * known > len(names)
