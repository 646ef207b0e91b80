"""Image-caption pairs in a table with tabs."""
from __future__ import annotations
import hashlib
import os
import re
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from .line_source import LineSource
from .pair_source import PAIR_SOURCES
from .tar_index import IMAGE_SUFFIXES

_URL = re.compile(r'[a-z][a-z0-9+.-]*://\S+', re.IGNORECASE)
_PATH = re.compile(rf'\S.*\.(?:{"|".join(IMAGE_SUFFIXES)})', re.IGNORECASE)
_HEADERS = dict(
    image={'url', 'image', 'image_url', 'path', 'filepath', 'file', 'img'},
    caption={'caption', 'text', 'title', 'sentence'})
_LOOK_AT = 1000


@PAIR_SOURCES.register_module()
class TableSource(LineSource):
    """Rows of an image and a caption, in either order (TSV).

    CC3M is ``caption <tab> url``, CC12M ``url <tab> caption``. The order is
    taken from a header if there is one (``url``, ``path``, ``caption``, ...),
    else from what the columns look like, and said in the log. A header that
    the columns contradict is an error: GroupViT, for one, puts that of CC3M
    on CC12M.

    Rows whose URLs differ but give the same name of an image are left out.

    Args:
        file: The TSV file, without quoting.
        images: Folder of the images.
        data_root: Root of relative paths.
        columns: Numbers of the columns of image and caption, from 0, when
            they cannot be found out.
        image_name: Path of an image in ``images``, made from ``{value}`` (of
            the column), ``{base}`` (last part of the path of a URL),
            ``{md5}`` (of the column, in hexadecimal) and ``{row}`` (from 0,
            without header). By default ``{base}`` of a URL and ``{value}`` of
            anything else. For example ``'{row:09d}.jpg'``.

    Raises:
        ValueError: The order cannot be found out, or is not that of the
            header.
        FileNotFoundError: See :class:`LineSource`.
    """

    def __init__(self,
                 file: str,
                 images: str,
                 data_root: str = '',
                 columns: Sequence[int] | None = None,
                 image_name: str | None = None) -> None:
        super().__init__(file, images, data_root)
        self.given = columns
        self.image_name = image_name
        self.columns: tuple[int, ...] = (0, 1)

    def start(self, file: BinaryIO) -> str:
        rows = [_split(line, 'replace') for line in islice(file, _LOOK_AT)]
        header = _header(rows[0]) if rows else None
        if self.given is not None:
            self.columns, how = tuple(self.given), 'as configured'
        elif header is not None:
            self._compare(header, rows)
            self.columns, how = header, 'by its header'
        else:
            guess, how = _guess(rows), 'by what the columns hold'
            if guess is None:
                widths = sorted({len(row) for row in rows})
                raise ValueError(
                    f'{self.file}: the columns of image and caption cannot '
                    f'be told (rows have {widths[:5]} columns). Name them '
                    'with columns=(image, caption), numbers from 0')
            self.columns = guess
        file.seek(0)
        if header is not None:
            file.readline()
        image, caption = self.columns
        return (f' (image in column {image}, caption in column {caption}, '
                f'{how})')

    def _compare(self, header: tuple[int, int], rows: list[list[str]]) -> None:
        seen = _guess(rows[1:])
        if seen not in (None, header):
            raise ValueError(
                f'{self.file}: by its header, {rows[0]}, the image is in '
                f'column {header[0]}, but by what the columns hold in column '
                f'{seen[0]}. Correct the header, or say which is right with '
                f'columns={seen}, the numbers of image and caption')

    def parse(self, line: bytes, number: int) -> tuple[str, str, str]:
        row = _split(line)
        if len(row) <= max(self.columns):
            raise ValueError(f'it has {len(row)} columns')
        value, caption = (row[column] for column in self.columns)
        is_url = _URL.fullmatch(value) is not None
        name = self.image_name or ('{base}' if is_url else '{value}')
        base = os.path.basename(unquote(urlsplit(value).path)) if is_url \
            else os.path.basename(value)
        return name.format(
            value=value,
            base=base,
            md5=hashlib.md5(value.encode()).hexdigest(),
            row=number), caption, value


def _split(line: bytes, errors: str = 'strict') -> list[str]:
    return line.decode('utf-8-sig', errors).rstrip('\r\n').split('\t')


def _guess(rows: list[list[str]]) -> tuple[int, int] | None:
    """The columns of image and caption, if the rows tell."""
    rows = [row for row in rows if any(row)]
    for pattern in (_URL, _PATH):
        share = [
            sum(
                bool(pattern.fullmatch(row[i]))
                for row in rows if len(row) == 2) / max(1, len(rows))
            for i in range(2)
        ]
        if max(share) > 0.5 and min(share) < 0.1:
            image = share.index(max(share))
            return image, 1 - image
    return None


def _header(row: list[str]) -> tuple[int, int] | None:
    """The columns of image and caption by their names."""
    names = [name.strip().lower() for name in row]
    found = [[i for i, name in enumerate(names) if name in _HEADERS[part]]
             for part in ('image', 'caption')]
    return (found[0][0], found[1][0]) if all(found) else None
