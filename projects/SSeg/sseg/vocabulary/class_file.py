"""Files with the names of classes: ``classes.txt``."""
from __future__ import annotations
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmlangseg.io.files import PathLike, write_text

BACKGROUND = 'background'


class ClassNames(NamedTuple):
    """The content of a ``classes.txt``.

    Attributes:
        names: Of each class but the background, in the order of ids: the name
            and its synonyms.
        background: Whether id 0 is a class of its own, of all that is
            nothing else. If not, pixels with id 0 are not labelled.
    """
    names: tuple[tuple[str, ...], ...]
    background: bool

    @property
    def labels(self) -> tuple[str, ...]:
        """The first name of each class."""
        return tuple(names[0] for names in self.names)


def read_class_names(path: PathLike) -> ClassNames:
    """Read the names of classes.

    A line is ``id<tab or blanks>name;synonym;synonym``, and the ids are
    1, 2, 3 and so on, in any order. A line ``0 background`` says that id 0 is
    a class, too.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not of that form, an id is missing or occurs
            twice, or two classes have the same name.
    """
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path} does not exist. The converters of tools/'
            'dataset_converters (lvis.py, imagenet_s.py) write it; for other '
            'data give the path of a file with lines "id name"') from None
    except UnicodeDecodeError:
        raise ValueError(f'{path} is not a UTF-8 text file with lines '
                         '"id name"') from None
    found: dict[int, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = re.fullmatch(r'\s*(\d+)\s+(.*\S)\s*', line)
        names = match and tuple(
            name.strip() for name in match[2].split(';') if name.strip())
        if match is None or not names:
            raise ValueError(f'{path}, line {number}: {line[:60]!r} is not '
                             '"id name" or "id name;synonym"')
        for name in names:
            check_name(name, f'{path}, line {number}')
        if int(match[1]) in found:
            raise ValueError(f'{path}, line {number}: id {int(match[1])} '
                             'occurs twice')
        found[int(match[1])] = names
    background = 0 in found
    if background and found.pop(0) != (BACKGROUND, ):
        raise ValueError(f'{path}: id 0 is for the {BACKGROUND}, classes '
                         'begin with 1')
    if not found or set(found) != set(range(1, len(found) + 1)):
        raise ValueError(f'{path}: the ids must be 1 to the number of '
                         f'classes, but {len(found)} are given, of which the '
                         f'highest is {max(found, default=0)}')
    classes = ClassNames(
        tuple(found[i] for i in range(1,
                                      len(found) + 1)), background)
    check_distinct(classes.labels, path)
    return classes


def write_class_names(path: PathLike, classes: ClassNames) -> None:
    """Write what :func:`read_class_names` reads.

    Raises:
        ValueError: Two classes have the same name, or a name holds ``;`` or a
            line break.
    """
    check_distinct(classes.labels, path)
    lines = [f'0\t{BACKGROUND}\n'] if classes.background else []
    for index, names in enumerate(classes.names, 1):
        for name in names:
            if not name.strip() or re.search(r'[;\r\n]', name):
                raise ValueError(f'{path}: {name!r} cannot be a class name')
        lines.append(f'{index}\t{";".join(names)}\n')
    write_text(path, ''.join(lines))


def spoken_name(name: str) -> str:
    """The words of a name: LVIS's 'bow_(decorative_ribbons)' is a bow
    (decorative ribbons). No caption has the underscore, so that a text
    encoder makes something else of it."""
    return re.sub(r'[_\s]+', ' ', name).strip() or name


def check_name(name: str, source: str) -> None:
    """Check that a text can be the name of a class.

    Tabs and zero bytes come from tables and damaged files, angle brackets
    from the error page of a server.

    Raises:
        ValueError: It holds such characters; begins with ``source``.
    """
    if not name.isprintable() or re.search('[<>]', name):
        raise ValueError(f'{source}: {name[:60]!r} cannot be the name of a '
                         'class. Correct the line, or make the file again')


def check_distinct(labels: Sequence[str],
                   source: PathLike | None = None) -> None:
    """Check that names differ by more than capitals.

    Text encoders do not tell capitals apart, so such classes would be one.

    Raises:
        ValueError: Two are the same; says which, behind ``source``.
    """
    prefix = '' if source is None else f'{source}: '
    first: dict[str, int] = {}
    for index, label in enumerate(labels, 1):
        other = first.setdefault(label.casefold(), index)
        if other != index:
            raise ValueError(
                f'{prefix}the class {label!r} is given twice: as number '
                f'{other} and {index}. Give one another name')
