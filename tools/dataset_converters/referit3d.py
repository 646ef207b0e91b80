"""Rows of ReferIt3D's data sets, Nr3D and Sr3D."""
from __future__ import annotations
import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmlangseg.io.annotations import AnnotationError, raise_faults
from mmlangseg.less.datasets import annotations as referring
from mmlangseg.text import split_words

COLUMNS = ('scan_id', 'stimulus_id', 'target_id', 'utterance', 'instance_type')
_VIEWS = {True: 'view_dependent', False: 'view_independent'}


def clean_referit3d(path: Path, rows: list, scenes: Iterable[str],
                    all_rows: bool) -> tuple[list[dict], int]:
    """Bring rows of Nr3D or Sr3D into ScanRefer's schema.

    Groups: easy or hard (more than two objects of the class in the scene),
    view_dependent or view_independent (ReferIt3D's list of words, where the
    row does not say it).

    Args:
        path: The file, which holds the scenes of all splits.
        rows: Its rows, with the columns of ReferIt3D, or in ScanRefer's
            schema.
        scenes: Scenes to keep.
        all_rows: Keep utterances that do not name the target's class, which
            ReferIt3D's protocol leaves out.

    Returns:
        The rows, and how many of these scenes were left out.
    """
    scenes = set(scenes)
    found, faults, dropped = [], [], 0
    if isinstance(rows[0], dict) and 'scene_id' not in rows[0]:
        absent = [name for name in COLUMNS if name not in rows[0]]
        if absent:
            raise AnnotationError(f'{path} has no column "{absent[0]}"')
    for index, item in enumerate(rows):
        try:
            if not isinstance(item, dict):
                raise ValueError(f'it is a {type(item).__name__}, not an '
                                 'object')
            if _text(item, 'scene_id', 'scan_id') not in scenes:
                continue
            mentions = item.get('mentions_target_class')
            if str(mentions or 'true').lower() != 'true' or mentions is False:
                if not all_rows:
                    dropped += 1
                    continue
            found.append(_clean_row(item, index))
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            faults.append(f'row {index}: {error}')
    raise_faults(path, faults)
    if not found:
        raise AnnotationError(f'{path} has no row of these scans: is it the '
                              'right split?')
    return referring.clean_rows(found, path), dropped


def _clean_row(item: dict[str, Any], index: int) -> dict:
    description = _text(item, 'description', 'utterance', default='')
    token = _tokens(item.get('token') or item.get('tokens'))
    token = token or split_words(description)
    ids = [item.get('ann_id'), item.get('assignmentid'), index]
    return dict(
        scene_id=_text(item, 'scene_id', 'scan_id'),
        object_id=item.get('object_id', item.get('target_id')),
        object_name=_text(item, 'object_name', 'instance_type',
                          default='').replace(' ', '_'),
        ann_id=str(next(i for i in ids if i not in (None, ''))),
        description=description,
        token=token,
        groups=[*_hardness(item), _VIEWS[_depends_on_view(item, token)]])


def _hardness(item: dict[str, Any]) -> list[str]:
    """``easy`` or ``hard``, or nothing where the row does not tell it."""
    if 'stimulus_id' in item:
        count = _num_objects(item['stimulus_id'])
        if count is None:
            raise ValueError(f'"stimulus_id" {item["stimulus_id"]!r:.60} is '
                             'malformed')
        return ['hard' if count > 2 else 'easy']
    meta = item.get('meta_data')
    if isinstance(meta, dict):
        meta = meta.get('stimulus_id')
    if meta in ('easy', 'hard'):
        return [meta]
    count = _num_objects(meta)
    return [] if count is None else ['hard' if count > 2 else 'easy']


def _num_objects(stimulus_id: Any) -> int | None:
    # scene-class-number of such objects-target-distractors...
    if not isinstance(stimulus_id, str):
        return None
    match = re.match(r'[^-]+-.+?-(\d{1,4})-\d+(-\d+)*$', stimulus_id)
    return int(match[1]) if match else None


def _depends_on_view(item: dict[str, Any], token: list[str]) -> bool:
    said = item.get('view_dependent')
    if isinstance(said, bool):
        return said
    if str(said).lower() in ('true', 'false'):
        return str(said).lower() == 'true'
    return bool(set(referring.VIEW_WORDS) & {word.lower() for word in token})


def _text(item: dict[str, Any],
          *names: str,
          default: str | None = None) -> str:
    for name in names:
        if item.get(name) is not None:
            if not isinstance(item[name], str):
                raise ValueError(f'"{name}" is {item[name]!r:.40}, not a '
                                 'string')
            return item[name]
    if default is None:
        raise ValueError(f'"{names[-1]}" is missing')
    return default


def _tokens(value: Any) -> list[str]:
    if isinstance(value, str):  # a Python list in a column of the CSV
        value = ast.literal_eval(value) if value.strip() else []
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f'"tokens" is {value!r:.40}, not a list of words')
    return [str(word) for word in value]
