"""Files of sentences about ScanNet's objects, told apart by what is in them.

ScanRefer and Multi3DRefer are JSON. Nr3D and Sr3D are published as CSV, and
by others as JSON: with the columns of the CSV, or in ScanRefer's schema with
``meta_data`` and ``view_dependent``, as 3D-GRES (MDIN) has them.
"""
from __future__ import annotations
import csv
import io
import json
from pathlib import Path

from mmlangseg.io.annotations import AnnotationError, parse_json
from mmlangseg.io.files import read_text

FORMATS = dict(
    scanrefer='ScanRefer',
    nr3d='Nr3D',
    sr3d='Sr3D',
    multi3drefer='Multi3DRefer')

# Fields that only one of the two has.
_OF_SR3D = {
    'coarse_reference_type', 'reference_type', 'anchor_ids', 'anchors_types',
    'distractor_ids'
}
_OF_NR3D = {
    'assignmentid', 'speaker_id', 'listener_id', 'correct_guess',
    'mentions_target_class', 'uses_object_lang', 'uses_spatial_lang'
}
_OF_REFERIT3D = {'stimulus_id', 'utterance', 'meta_data', 'view_dependent'}

_OF_SCANREFER = dict(
    scene_id=('scan_id', ),
    object_id=('target_id', ),
    object_name=('instance_type', ),
    description=('utterance', ),
    token=('tokens', ),
    ann_id=('item_id', ))


def read_rows(path: Path) -> list:
    """Read the rows of a JSON, JSON lines or CSV file, by its content.

    Returns:
        The rows; those of CSV are dicts of strings.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It is malformed, or has no rows.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise
    except ValueError as error:
        raise AnnotationError(str(error)) from None
    start = text.lstrip()[:1]
    if start == '{':
        rows = _read_json_lines(path, text)
    elif start == '[' or path.suffix.lower().startswith('.json'):
        rows = parse_json(path, text)
    else:
        rows = _read_csv(path, text)
    if not isinstance(rows, list) or not rows:
        raise AnnotationError(f'{path} is not a non-empty list of rows')
    return rows


def guess_format(path: Path, rows: list) -> str | None:
    """Tell the format of rows, None if neither they nor the name tell it.

    The name of the file counts only between formats that have the same
    fields: Nr3D and Sr3D in ScanRefer's schema.
    """
    fields: set[str] = set()
    for row in rows[:100]:
        if isinstance(row, dict):
            fields.update(row)
    name = path.name.lower()
    named = next((key for key in FORMATS if key in name), None)
    if 'eval_type' in fields:
        return 'multi3drefer'
    if fields & _OF_REFERIT3D:
        of_sr3d, of_nr3d = fields & _OF_SR3D, fields & _OF_NR3D
        if bool(of_sr3d) != bool(of_nr3d):
            return 'sr3d' if of_sr3d else 'nr3d'
        of_scanrefer = named == 'scanrefer' and 'scene_id' not in fields
        return named if named in ('nr3d', 'sr3d') or of_scanrefer else None
    if {'scene_id', 'object_id', 'description'} <= fields:
        return named or 'scanrefer'
    return named


def as_scanrefer(row: dict) -> dict:
    """A row with ScanRefer's names of the fields, whatever others call them.

    ViL3DRel and its successors keep all data sets in the fields of ReferIt3D:
    ``scan_id``, ``target_id``, ``instance_type``, ``utterance``, ``tokens``
    and, as ``ann_id``, ``item_id``.
    """
    row = dict(row)
    for name, others in _OF_SCANREFER.items():
        for other in others:
            if name not in row and row.get(other) is not None:
                row[name] = row[other]
    return row


def _read_json_lines(path: Path, text: str) -> list:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):  # one object, of several lines maybe
        rows = content.get('data_list', [content])
        return rows if isinstance(rows, list) else []
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            rows.append(parse_json(f'{path}, line {number}', line))
    return rows


def _read_csv(path: Path, text: str) -> list[dict]:
    try:
        return list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise AnnotationError(f'{path} is damaged: {error}. Download the '
                              'file again') from None
