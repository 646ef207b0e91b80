"""Predictions in the arrays of an NPZ file, read as a stream."""
from __future__ import annotations
import os
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from .row_index import PredictionError

# Columns of ids are read as a whole; no data set has as many sentences.
_MAX_COLUMN_BYTES = 1 << 28
_BATCH = 1 << 22  # bytes that are read at a time
# Arrays, and what a prediction calls a row of theirs.
_KINDS = dict(indices='indices', boxes='boxes', masks='mask')


class _Member:
    """An array of an NPZ file whose first axis is read piece by piece."""

    def __init__(self, path: os.PathLike, archive: zipfile.ZipFile,
                 name: str) -> None:
        self.name = f'{os.fspath(path)}, array "{name}"'
        self._file = archive.open(f'{name}.npy')
        try:
            version = np.lib.format.read_magic(self._file)
            read = np.lib.format.read_array_header_1_0 \
                if version == (1, 0) else np.lib.format.read_array_header_2_0
            self.shape, fortran, self.dtype = read(self._file)
        except ValueError as error:
            raise PredictionError(f'{self.name} is damaged: {error}') from None
        if self.dtype.hasobject:
            raise PredictionError(
                f'{self.name} holds Python objects, which are not read from '
                'files: save numbers or text, and masks of different sizes as '
                '"indices" and "offsets"')
        if fortran and len(self.shape) > 1:
            raise PredictionError(f'{self.name} is in Fortran order: save '
                                  'np.ascontiguousarray(array)')
        self.row_bytes = self.dtype.itemsize * int(
            np.prod(self.shape[1:], dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 0

    def read(self, rows: int) -> np.ndarray:
        """The next rows."""
        wanted = rows * self.row_bytes
        data = self._file.read(wanted)
        if len(data) != wanted:
            raise PredictionError(f'{self.name} is cut off. Make the file '
                                  'again')
        return np.frombuffer(data, self.dtype).reshape(rows, *self.shape[1:])

    def read_all(self) -> np.ndarray:
        size = len(self) * self.row_bytes
        if size > _MAX_COLUMN_BYTES:
            raise PredictionError(f'{self.name} has {size} bytes, more than '
                                  'any column of ids')
        return self.read(len(self))


def read_npz_rows(
        path: os.PathLike) -> Iterator[tuple[str, dict, str, np.ndarray]]:
    """Read the rows of an NPZ file.

    It has ids, such as ``scene_id`` and ``ann_id``, each (E, ), and one of

    - ``indices`` (K, ) integers, the indices of the points of all masks one
      after the other, and ``offsets`` (E + 1, ), where each begins and ends;
    - ``boxes`` (K, 6), minimum and maximum of each box, and ``offsets``;
    - ``masks`` (E, N) of the points of a scan, or (E, H, W) of images of one
      size, bool or numbers that are not 0 inside.

    Yields:
        tuple: Where it stands, the ids, the kind (``'indices'``, ``'boxes'``
        or ``'mask'``), and the array of the row.

    Raises:
        PredictionError: It is not such a file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _read_rows(path, archive)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError,
            RuntimeError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise PredictionError(f'{path} is not a whole NPZ file: {error}. Make '
                              'it again with np.savez') from None


def _read_rows(path: os.PathLike, archive: zipfile.ZipFile) -> Iterator[tuple]:
    names = [n[:-4] for n in archive.namelist() if n.endswith('.npy')]
    kinds = [kind for kind in _KINDS if kind in names]
    if len(kinds) != 1:
        raise PredictionError(f'{path} has the arrays {sorted(names)[:10]}, '
                              f'but must have one of {", ".join(_KINDS)}')
    kind, = kinds
    columns = {
        name: _Member(path, archive, name).read_all()
        for name in names if name not in (*_KINDS, 'offsets')
    }
    offsets = None
    if kind != 'masks':
        if 'offsets' not in names:
            raise PredictionError(f'{path} has no "offsets", which say where '
                                  f'the {kind} of each row begin and end')
        offsets = _Member(path, archive, 'offsets').read_all()
    values = _Member(path, archive, kind)
    _check(path, kind, values, offsets)
    count = len(values) if offsets is None else len(offsets) - 1
    for name, column in columns.items():
        if column.shape != (count, ):
            raise PredictionError(f'{path}: "{name}" has shape '
                                  f'{column.shape}, but there are {count} '
                                  f'rows of "{kind}"')
    ids = {name: column.tolist() for name, column in columns.items()}
    rows = _stream(values, offsets, count)
    for index, value in enumerate(rows):
        yield (f'{path}, row {index}', {
            name: column[index]
            for name, column in ids.items()
        }, _KINDS[kind], value)


def _check(path: os.PathLike, kind: str, values: _Member,
           offsets: Any) -> None:
    shape = values.shape
    right = dict(
        indices=len(shape) == 1 and values.dtype.kind in 'iu',
        boxes=shape[1:] == (6, ) and values.dtype.kind in 'fiu',
        masks=len(shape) in (2, 3) and values.dtype.kind in 'biuf')
    if not right[kind]:
        raise PredictionError(f'{path}: "{kind}" has shape {shape} and dtype '
                              f'{values.dtype}, see read_npz_rows')
    if offsets is None:
        return
    if offsets.ndim != 1 or offsets.dtype.kind not in 'iu' or not len(
            offsets) or offsets[0] != 0 or offsets[-1] != len(values) or (
                np.diff(offsets.astype(np.int64)) < 0).any():
        raise PredictionError(
            f'{path}: "offsets" must rise from 0 to the length of "{kind}", '
            f'{len(values)}')


def _stream(values: _Member, offsets: Any, count: int) -> Iterator[np.ndarray]:
    """The array of each row, of which some are read at a time."""
    if offsets is None:
        for _ in range(count):
            yield values.read(1)[0]
        return
    offsets = offsets.tolist()
    limit = max(1, _BATCH // max(values.row_bytes, 1))
    first = 0
    while first < count:
        last = first + 1
        while last < count and offsets[last + 1] - offsets[first] <= limit:
            last += 1
        start = offsets[first]
        batch = values.read(offsets[last] - start)
        for row in range(first, last):
            yield batch[offsets[row] - start:offsets[row + 1] - start]
        first = last
