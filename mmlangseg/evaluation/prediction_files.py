"""Reading the predictions of any model, one at a time.

A prediction is a row with ids and a mask. Rows are objects in a JSON list, in
the list ``predictions`` of a JSON object, in lines (JSON lines), or they are
the entries of the arrays of an NPZ file; a folder of such files is read as
one. Lists, lines and NPZ files are read as a stream, so that memory does not
grow with their number.
"""
from __future__ import annotations
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from mmlangseg.io.files import PathLike
from mmlangseg.io.folder_files import list_files
from .npz_rows import read_npz_rows
from .row_index import PredictionError

SUFFIXES = ('.json', '.jsonl', '.ndjson', '.npz')
_CHUNK = 1 << 18
_LISTS = ('predictions', 'results', 'data_list')
_KINDS = dict(
    point_indices='indices',
    mask='mask',
    rle='rle',
    segmentation='polygons',
    pred_mask='mask',
    boxes='boxes',
    aabbs='boxes',
    aabb_bound='boxes')


@dataclass
class Prediction:
    """A prediction as it stands in a file.

    Attributes:
        where: It stands, for messages.
        ids: Everything of the row but the mask, such as ``scene_id``.
        kind: What ``value`` is: ``'indices'`` of points, ``'rle'``, a
            run-length code, ``'polygons'``, ``'mask'``, numbers 0 and 1, or
            ``'boxes'``.
        value: As it stands in the file, not checked.
    """

    where: str
    ids: dict
    kind: str
    value: Any


def read_predictions(path: PathLike) -> Iterator[Prediction]:
    """Read the rows of a file, or of all files of a folder.

    Rows of JSON have one of ``point_indices`` (a list of integers), ``rle``,
    ``segmentation``, ``pred_mask`` (a run-length code of COCO, or of SPFormer
    and MDIN, ``dict(length, counts)``) or ``mask`` (one of these, or a list
    of 0 and 1), or ``boxes`` (or ``aabbs``, ``aabb_bound``). Of NPZ files see
    :func:`read_npz_rows`. In a folder, ``scene_id`` is the name of the file
    where a row has none.

    Raises:
        FileNotFoundError: There is no such file, or none in the folder.
        PredictionError: A file is malformed; names it and the row.
    """
    path = Path(path)
    if path.is_dir():
        files = list_files(path, SUFFIXES)
        if not files:
            raise FileNotFoundError(f'{path} has no file {", ".join(SUFFIXES)}'
                                    ': is it the folder of the predictions?')
    elif path.is_file():
        files = [path]
    else:
        raise FileNotFoundError(f'{path} does not exist')
    for file in files:
        scene = file.stem if path.is_dir() else None
        if file.suffix.lower() == '.npz':
            for where, ids, kind, value in read_npz_rows(file):
                if scene is not None:
                    ids.setdefault('scene_id', scene)
                yield Prediction(where, ids, kind, value)
            continue
        for index, row in enumerate(_read_json_rows(file)):
            yield _from_row(f'{file}, row {index}', row, scene)


def _from_row(where: str, row: Any, scene: str | None) -> Prediction:
    if not isinstance(row, dict):
        raise PredictionError(f'{where}: it is a {type(row).__name__}, not an '
                              'object with ids and a mask')
    keys = [key for key in _KINDS if key in row]
    if len(keys) != 1:
        scores = {'iou', 'inter', 'union'} <= row.keys()
        raise PredictionError(
            f'{where}: it has {keys or "no mask"}, but must have one of '
            f'{", ".join(_KINDS)}; ' +
            ('these are the scores that tools/test.py --out writes; --masks '
             'writes the masks'
             if scores else 'one that is empty is an empty list'))
    ids = {name: value for name, value in row.items() if name != keys[0]}
    if scene is not None:
        ids.setdefault('scene_id', scene)
    value = row[keys[0]]
    kind = 'rle' if isinstance(value, dict) else _KINDS[keys[0]]
    return Prediction(where, ids, kind, value)


def _read_json_rows(path: Path) -> Iterator[Any]:
    try:
        with open(path, encoding='utf-8-sig') as file:
            start = _first_character(file)
            if start == '[':
                yield from _stream_list(path, file)
            elif start == '{':
                yield from _read_lines_or_object(path, file)
            else:
                raise PredictionError(
                    f'{path} begins with {start[:1]!r}, but must be a JSON '
                    'list of predictions, or have one in each line')
    except UnicodeDecodeError as error:
        raise PredictionError(f'{path} is not UTF-8 text: {error}. Save it as '
                              'UTF-8, or as NPZ') from None


def _first_character(file: TextIO) -> str:
    while True:
        place = file.tell()
        text = file.read(64)
        stripped = text.lstrip()
        if stripped or not text:
            file.seek(place)
            return stripped[:1]


def _stream_list(path: Path, file: TextIO) -> Iterator[Any]:
    """The objects of a JSON list, of which only the present one is kept."""
    decoder = json.JSONDecoder()
    text, place, count = file.read(_CHUNK).lstrip()[1:], 0, 0

    def fault(reason: str) -> PredictionError:
        return PredictionError(f'{path}, row {count}: {reason}. Make the file '
                               'again')

    while True:
        while place < len(text) and text[place] in ' \t\r\n,':
            place += 1
        if place == len(text):
            text, place = file.read(_CHUNK), 0
            if not text:
                raise fault('the file is cut off')
            continue
        if text[place] == ']':
            if text[place + 1:].strip() or file.read().strip():
                raise fault('something stands behind the list')
            return
        if text[place] != '{':
            raise fault(f'it begins with {text[place]!r}, not an object')
        try:
            row, place = decoder.raw_decode(text, place)
        except RecursionError:
            raise fault('it is nested too deeply') from None
        except ValueError as error:
            # more of the file at a time, so that long rows take linear time
            more = file.read(max(_CHUNK, len(text) - place))
            if not more:
                raise fault(f'it is not valid JSON ({error})') from None
            text, place = text[place:] + more, 0
            continue
        yield row
        count += 1
        if place > _CHUNK:
            text, place = text[place:], 0


def _read_lines_or_object(path: Path, file: TextIO) -> Iterator[Any]:
    """JSON lines as a stream; one object with a list of rows as a whole."""
    start = file.tell()
    line = file.readline()
    while line and not line.strip():
        line = file.readline()
    first = _parse(line)
    file.seek(start)
    if isinstance(first, dict) and not any(key in first for key in _LISTS):
        number = 0
        while line := file.readline():
            number += 1
            if line.strip():
                row = _parse(line)
                if row is None:
                    raise PredictionError(f'{path}, line {number} is not '
                                          'valid JSON. Make the file again')
                yield row
        return
    content = _parse(file.read())
    key = next(
        (k for k in _LISTS if isinstance(content, dict) and k in content),
        None)
    if key is None or not isinstance(content[key], list):
        raise PredictionError(
            f'{path} is not a JSON list of predictions, an object with a list '
            f'"{_LISTS[0]}", or one object in each line')
    yield from content[key]


def _parse(text: str) -> Any:
    """The content of JSON text, None if it is not valid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
