"""Annotation files: which sentences mean which objects of which scan."""
from __future__ import annotations
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmlangseg.io.annotations import AnnotationError, load_json, raise_faults
from mmlangseg.io.files import PathLike, write_text
from mmlangseg.text import split_words, write_vocabulary
from ..scans.files import check_scene_id
from .mirrored_words import mirror_words

VIEW_WORDS = ('front', 'behind', 'back', 'left', 'right', 'facing', 'leftmost',
              'rightmost', 'looking', 'across')


def _integer(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f'"{field}" is {value!r}, not an integer')
    try:
        number = int(value)
    except ValueError:
        raise ValueError(f'"{field}" is {value!r}, not an integer') from None
    if number < 0:
        raise ValueError(f'"{field}" is {number}, but ids count from 0')
    return number


def _name(value: Any, field: str) -> str:
    if not isinstance(value, (str, int, float)):
        raise ValueError(f'"{field}" is {value!r:.40}, neither text nor a '
                         'number')
    return str(value)


def _strings(value: Any, field: str) -> list[str]:
    if (not isinstance(value, (list, tuple))
            or not all(isinstance(item, str) for item in value)):
        raise ValueError(f'"{field}" is not a list of strings')
    return list(value)


def clean_row(row: Any) -> dict:
    """Check one row of ScanRefer's schema and complete it.

    Args:
        row: Has ``scene_id``, ``object_id`` or ``object_ids``, ``ann_id``,
            ``description`` or ``token``, and maybe ``object_name`` and
            ``groups``.

    Returns:
        A dict with ``scene_id`` (str), ``object_ids`` (list of int, empty
        for a sentence without target), ``object_name``, ``ann_id``,
        ``description`` (str), ``token`` and ``groups`` (lists of str).

    Raises:
        ValueError: A field is missing or wrong; the message names it.
    """
    if not isinstance(row, dict):
        raise ValueError(f'it is a {type(row).__name__}, not an object')
    missing = [key for key in ('scene_id', 'ann_id') if key not in row]
    if missing:
        raise ValueError(f'"{missing[0]}" is missing')
    try:
        scene_id = check_scene_id(row['scene_id'])
    except ValueError as error:
        raise ValueError(f'"scene_id": {error}') from None
    if 'object_ids' in row:
        if not isinstance(row['object_ids'], (list, tuple)):
            raise ValueError('"object_ids" is not a list')
        object_ids = [_integer(i, 'object_ids') for i in row['object_ids']]
    elif 'object_id' in row:
        object_ids = [_integer(row['object_id'], 'object_id')]
    else:
        raise ValueError('"object_id" is missing')
    description = row.get('description', '')
    if not isinstance(description, str):
        raise ValueError('"description" is not a string')
    token = _strings(row.get('token') or split_words(description), 'token')
    if not ''.join(token).strip():
        raise ValueError('"description" is empty: write a sentence or '
                         'remove the row')
    return dict(
        scene_id=scene_id,
        object_ids=sorted(set(object_ids)),
        object_name=_name(row.get('object_name', ''), 'object_name'),
        ann_id=_name(row['ann_id'], 'ann_id'),
        description=description.strip() or ' '.join(token),
        token=token,
        groups=_strings(row.get('groups', []), 'groups'))


def read_annotations(path: PathLike) -> tuple[dict, list[dict]]:
    """Read an annotation file or a raw ScanRefer list.

    Returns:
        The meta information and the rows as :func:`clean_row` returns them.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: The file is malformed; names the row and the field.
    """
    content = load_json(
        path, 'tools/dataset_converters/scanrefer.py or own_scans.py')
    if isinstance(content, dict) and isinstance(
            content.get('data_list'), list):
        metainfo, rows = content.get('metainfo', {}), content['data_list']
        if not isinstance(metainfo, dict):
            raise AnnotationError(f'{path}: "metainfo" is not an object')
    elif isinstance(content, list):
        metainfo, rows = {}, content
    else:
        raise AnnotationError(
            f'{path} is neither a list of rows nor an object with '
            '"data_list". Convert it with tools/dataset_converters/'
            'scanrefer.py')
    if not rows:
        raise AnnotationError(f'{path} has no rows')
    return dict(metainfo), clean_rows(rows, path)


def clean_rows(rows: Sequence[Any], path: PathLike) -> list[dict]:
    """Apply :func:`clean_row` to all rows and report all faults at once.

    Raises:
        AnnotationError: Names the file, the rows and the fields.
    """
    cleaned, faults = [], []
    for index, row in enumerate(rows):
        try:
            cleaned.append(clean_row(row))
        except ValueError as error:
            faults.append(f'row {index}: {error}')
    raise_faults(path, faults)
    return cleaned


def write_annotations(path: PathLike, metainfo: dict[str, str],
                      rows: Sequence[dict]) -> None:
    """Write an annotation file, one row per line.

    Rows keep ScanRefer's keys (``object_id`` is the first target, '' if
    there is none) and add ``object_ids`` and ``groups``. The words of the
    sentences go into ``<name>.words.txt`` beside it, the vocabulary that a
    :class:`GRUTextEncoder` needs; those of mirrored sentences, too, which
    ``ReferringAugment3D`` makes.
    """
    lines = []
    for row in rows:
        ids = row['object_ids']
        lines.append(
            json.dumps(dict(row, object_id=str(ids[0]) if ids else '')))
    write_text(
        path, '{"metainfo": %s,\n"data_list": [\n%s\n]}\n' %
        (json.dumps(metainfo), ',\n'.join(lines)))
    sentences = [' '.join(row['token']) for row in rows]
    write_vocabulary(
        Path(path).with_suffix('.words.txt'),
        [*sentences, *map(mirror_words, sentences)])
