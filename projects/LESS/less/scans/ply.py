"""Reading the vertices of PLY files."""
from __future__ import annotations
import io
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from plyfile import PlyData, PlyParseError

COORDINATES = ('x', 'y', 'z')
COLORS = (('red', 'green', 'blue'), ('r', 'g', 'b'),
          ('diffuse_red', 'diffuse_green', 'diffuse_blue'))

_HEADER_BYTES = 1 << 20  # far more than any header has
_TYPES = dict(
    char='i1', uchar='u1', int8='i1', uint8='u1', short='i2', ushort='u2',
    int16='i2', uint16='u2', int='i4', uint='u4', int32='i4', uint32='u4',
    float='f4', float32='f4', double='f8', float64='f8')  # yapf: disable

# Triangles are read in one go; any other faces take plyfile's slow path.
_TRIANGLES = {'face': {'vertex_indices': 3, 'vertex_index': 3}}


class _Element(NamedTuple):
    """What the header says of an element.

    Attributes:
        name: Its name.
        number: Of rows.
        row_bytes: Fewest bytes that a row can take, lists being empty.
        fields: Names and types of its properties; None if there are lists.
    """
    name: str
    number: int
    row_bytes: int
    fields: list[tuple[str, str]] | None


def read_ply(path: str | os.PathLike) -> np.ndarray:
    """Read the element ``vertex`` of a PLY file.

    Args:
        path: ASCII or binary PLY file, with or without faces.

    Returns:
        Structured array (N,), one field per property, among them x, y, z.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is no PLY file, is cut short, promises more than it
            can hold, or has no vertices with coordinates.
    """
    path = Path(path)
    try:
        with open(path, 'rb') as file:
            text, elements = _check_size(path, file)
            found = [each for each in elements if each.name == 'vertex']
            if text and len(found) == 1 and found[0].fields:
                vertices = _read_numbers(file, elements)
            else:
                vertices = _read(path, file.tell())
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist') from None
    except _BadPly as error:
        raise ValueError(str(error)) from None
    # A damaged file ends in many kinds of errors inside the library.
    except (PlyParseError, ValueError, TypeError, KeyError, IndexError,
            OverflowError, MemoryError) as error:
        raise ValueError(
            f'{path} is truncated, that is cut short, or '
            f'damaged: {error}. Export or download it again') from None
    if vertices is None:
        raise ValueError(f'{path}: the PLY file has no element "vertex"')
    if len(vertices) == 0:
        raise ValueError(f'{path} has no points, its element "vertex" is '
                         'empty')
    for name in COORDINATES:
        if name not in (vertices.dtype.names or ()):
            raise ValueError(f'{path} has no vertex property "{name}", only '
                             f'{list(vertices.dtype.names or ())}')
    return vertices


def stack_properties(path: str | os.PathLike, vertices: np.ndarray,
                     names: Sequence[str]) -> np.ndarray:
    """Stack properties of vertices, (N, len(names)).

    The type is the smallest that holds the values of all.

    Raises:
        ValueError: A property is a list.
    """
    for name in names:
        if vertices.dtype[name].kind not in 'iuf':
            raise ValueError(f'{path}: the vertex property "{name}" is a '
                             'list, not a number. Export the file again')
    return np.stack([vertices[name] for name in names], axis=1)


def find_colors(vertices: np.ndarray) -> tuple[str, ...] | None:
    """The properties that hold the colors, None where there are none."""
    for names in COLORS:
        if all(name in vertices.dtype.names for name in names):
            return names
    return None


def name_missing_color(vertices: np.ndarray) -> str:
    """The first property that is missing from the most complete colors."""
    present = vertices.dtype.names
    best = max(COLORS, key=lambda names: len(set(names) & set(present)))
    return next(name for name in best if name not in present)


def _read_numbers(file: BinaryIO, elements: list[_Element]) -> np.ndarray:
    """Vertices as text. NumPy reads eight times more than plyfile, which takes
    integers that do not fit modulo 256, for example."""
    lines = filter(str.strip, io.TextIOWrapper(file, 'latin1'))
    vertices = np.empty(0)
    for element in elements:
        rows = itertools.islice(lines, element.number)
        if element.name == 'vertex' and element.number:
            with warnings.catch_warnings():
                # numbers that do not fit, which would be rounded
                warnings.simplefilter('error', DeprecationWarning)
                vertices = np.loadtxt(
                    rows, np.dtype(element.fields), comments=None, ndmin=1)
            count = len(vertices)
        else:
            count = sum(1 for _ in rows)
        if count < element.number:
            raise ValueError(
                f"element '{element.name}': row {count}: early end-of-file")
    return vertices


def _read(path: Path, header_bytes: int) -> np.ndarray | None:
    with _readable(path, header_bytes) as source:
        try:
            data = PlyData.read(source, known_list_len=_TRIANGLES)
        except PlyParseError:
            if not isinstance(source, str):
                source.seek(0)
            data = PlyData.read(source)
        return np.array(data['vertex'].data) if 'vertex' in data else None


class _BadPly(ValueError):
    """A PLY file that is not worth reading; the message says why."""


def _check_size(path: Path, file: BinaryIO) -> tuple[bool, list[_Element]]:
    """Refuse a file that promises more rows than its bytes can hold.

    Gives and leaves the file as :func:`_read_header` does.

    plyfile takes the memory for all rows, or counts through them, before it
    sees that the file ends.
    """
    text, elements = _read_header(path, file)
    left = os.path.getsize(path) - file.tell()
    for element in elements:
        if element.number < 0:
            raise _BadPly(f'{path}: "element {element.name} {element.number}" '
                          'in its header is no number of rows. It is '
                          'damaged; export or download it again')
        # Rows of nothing are not worth counting either.
        if element.number * max(element.row_bytes, 1) > left + text:
            raise _BadPly(
                f'{path} is truncated, that is cut short, or damaged: its '
                f'header says "element {element.name} {element.number}", of '
                f'at least {element.row_bytes} bytes each, but only {left} '
                'bytes are left. Export or download it again')
        left -= element.number * element.row_bytes
    return text, elements


@contextmanager
def _readable(path: Path, header_bytes: int) -> Iterator[str | BinaryIO]:
    """What plyfile reads of a file: it itself, or, as plyfile takes ASCII
    only, a copy without the other letters of its comments."""
    with open(path, 'rb') as file, tempfile.TemporaryFile() as copy:
        header = file.read(header_bytes)
        if header.isascii():
            yield str(path)
            return
        for line in header.splitlines(keepends=True):
            if line.startswith((b'comment', b'obj_info')):
                line = line.decode('ascii', 'ignore').encode()
            copy.write(line)
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        # a file, as plyfile reads other streams row by row
        yield cast(BinaryIO, copy)


def _read_header(path: Path, file: BinaryIO) -> tuple[bool, list[_Element]]:
    """Whether the file is text, and its elements; leaves the file at the
    data."""
    start = file.read(_HEADER_BYTES)
    if start[:3] != b'ply' or start[3:4] not in (b'\n', b'\r', b''):
        raise _BadPly(f'{path} is not a PLY file, or not a valid PLY file '
                      'any more: it does not begin with a line "ply"')
    newline = b'\r\n' if start[3:5] == b'\r\n' else start[3:4]
    end = start.find(newline + b'end_header' + newline) if newline else -1
    if end < 0:
        raise _BadPly(f'{path} is truncated, that is cut short, or damaged: '
                      'its header has no line "end_header". Export or '
                      'download it again')
    file.seek(end + 2 * len(newline) + len(b'end_header'))
    text, elements = False, []
    for line in start[:end].split(newline):
        words = line.decode('latin1').split()
        if words[:2] == ['format', 'ascii']:
            text = True
        elif words[:1] == ['element'] and len(words) == 3:
            try:
                elements.append(_Element(words[1], int(words[2]), 0, []))
            except ValueError:
                raise _BadPly(f'{path}: "{" ".join(words)}" in its header is '
                              'no number of rows. It is damaged; export or '
                              'download it again') from None
        elif words[:1] == ['property'] and len(words) > 2 and elements:
            # As text a number takes a digit and what parts it from the next.
            last, fields = elements[-1], elements[-1].fields
            kind = _TYPES.get(words[2] if words[1] == 'list' else words[1])
            least = 2 if text else int(kind[1]) if kind else 1
            if words[1] == 'list' or kind is None or fields is None:
                fields = None
            else:
                fields = [*fields, (words[2], kind)]
            elements[-1] = last._replace(
                row_bytes=last.row_bytes + least, fields=fields)
    return text, elements
