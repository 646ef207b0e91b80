"""A folder that keeps what one run computes for every other run."""
from __future__ import annotations
import copy
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

from mmengine.logging import print_log

from .files import PathLike, write_json

if TYPE_CHECKING:
    from typing_extensions import Self


class CacheError(ValueError):
    """A cache cannot be used; the message names file, field and remedy."""


class CacheFolder:
    """Results of a generator for the items of a data set, under a header.

    ``header.json`` says what they are, at least the name of the data set and
    the generator with its parameters. What lies beside it is written whole or
    not at all, so that many processes may write and read at the same time and
    an interrupted run goes on where it was.

    Args:
        root: The folder.
        expect: Header fields that must have these values, for example
            ``dict(dataset='refcoco')``.

    Raises:
        CacheError: There is no header, or it says something else.
    """

    format: ClassVar[str]
    version: ClassVar[int] = 1
    kind: ClassVar[str]  # as messages call it
    tool: ClassVar[str]  # that makes it
    error: ClassVar[type[CacheError]] = CacheError
    # Fields, dotted, that caches made by earlier versions do not have.
    later: ClassVar[tuple[str, ...]] = ()

    def __init__(self, root: PathLike, expect: dict | None = None) -> None:
        self.root = Path(root)
        self._path = self.root / 'header.json'
        self._remedy = f'make it with {self.tool}'
        try:
            self.header = json.loads(self._path.read_text(encoding='utf-8'))
        except FileNotFoundError:
            raise self.error(f'{self.root} is not a {self.kind}, it has no '
                             f'header.json; {self._remedy}') from None
        except (ValueError, RecursionError) as error:
            raise self.error(f'{self._path} is damaged: {error}. Delete the '
                             f'folder and {self._remedy}') from error
        if not isinstance(self.header, dict) \
                or self.header.get('format') != self.format:
            raise self.error(f'{self._path}: field "format" is not '
                             f'{self.format!r}; {self._remedy}')
        self.check_header()
        self._compare(expect or {}, 'expected',
                      f'name the right {self.kind}, or {self._remedy}')

    @classmethod
    def create(cls, root: PathLike, header: dict) -> Self:
        """Make a cache, or open the one that is there to go on with it.

        Args:
            root: The folder.
            header: What the class says of its fields.

        Raises:
            CacheError: A cache with another header is there.
        """
        path = Path(root) / 'header.json'
        if not path.exists():
            # Every process of a parallel run writes the same.
            start = dict(format=cls.format, version=cls.version)
            write_json(path, dict(start, **header), indent=1)
        cache = cls(root)
        cache._compare(
            header, 'this run has',
            'name another folder, or delete this one to make it again')
        return cache

    def check_header(self) -> None:
        """Refuse a header whose fields cannot be used."""
        if self.header.get('version') != self.version:
            self.refuse('version', f'{self.version}, which this code reads')
        for name, kind, wanted in (('dataset', str, 'a text'),
                                   ('generator', dict, 'an object')):
            if not isinstance(self.header.get(name), kind):
                self.refuse(name, wanted)

    def check_extent(self, name: str, limit: int) -> None:
        """Refuse a field that is not a height and a width up to a limit."""
        value = self.header.get(name)
        if not (isinstance(value, list) and len(value) == 2
                and all(type(x) is int and 0 < x <= limit for x in value)):
            self.refuse(name, f'[height, width], both up to {limit}')

    def refuse(self, name: str, wanted: str) -> NoReturn:
        """Raise because of a field of the header."""
        raise self.error(
            f'{self._path}: field "{name}" is {self.header.get(name)!r}, not '
            f'{wanted}; {self._remedy}')

    def spoiled(self, path: PathLike, fault: str) -> CacheError:
        """The error of a file that can be made again by itself."""
        return self.error(f'{path} {fault}. Delete this file and run '
                          f'{self.tool} again, which makes only what is '
                          'missing')

    def numbered(self, pattern: str) -> Iterator[tuple[int, Path]]:
        """Files whose names are numbers, in no order: not the temporary
        files of writers."""
        for path in self.root.glob(pattern):
            if path.stem.isdecimal():
                yield int(path.stem), path

    def _compare(self, wanted: dict, who: str, remedy: str) -> None:
        # as it comes back from JSON, tuples as lists
        wanted = json.loads(json.dumps(wanted))
        known = copy.deepcopy(self.header)
        unknown = [name for name in self.later if _fill(known, wanted, name)]
        for name, value in wanted.items():
            if known.get(name) != value:
                raise self.error(f'{self._path}: field "{name}" is '
                                 f'{self.header.get(name)!r}, {who} {value!r};'
                                 f' {remedy}')
        if unknown:
            print_log(
                f'{self._path} was written by an earlier version and does not '
                f'have {", ".join(unknown)}: whether the {self.kind} is of '
                'the same is not checked', 'current', logging.WARNING)


def _fill(header: dict, wanted: dict, name: str) -> bool:
    """Take a field that only ``wanted`` has, of an object that both have,
    into the header; whether that was so."""
    *parents, last = name.split('.')
    for parent in parents:
        inner, asked = header.get(parent), wanted.get(parent)
        if not (isinstance(inner, dict) and isinstance(asked, dict)):
            return False
        header, wanted = inner, asked
    if last in header or last not in wanted:
        return False
    header[last] = wanted[last]
    return True
