"""The objects of a raw ScanNet scan, painted on its vertices."""
from __future__ import annotations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmlangseg.io.annotations import AnnotationError, load_json
from mmlangseg.less.scans import files as scan_files

_REMEDY = 'Download the file again'


class ScanObject(NamedTuple):
    """An entry of ``segGroups``.

    Attributes:
        object_id: Its ``objectId``.
        label: Its raw category.
        segments: The segments that it consists of.
    """
    object_id: int
    label: str
    segments: frozenset


def read_segments(path: Path, num_vertices: int) -> np.ndarray:
    """Read the segment of each vertex, (N,) int64.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It is malformed, or of another mesh.
    """
    segments = _read_list(path, 'segIndices')
    if len(segments) != num_vertices:
        raise AnnotationError(
            f'{path}: "segIndices" has {len(segments)} entries, but the mesh '
            f'{num_vertices} vertices. {_REMEDY}, or the mesh')
    for index, segment in enumerate(segments):
        if not _is_id(segment):
            raise AnnotationError(
                f'{path}: "segIndices", entry {index}, is {segment!r:.40}, '
                f'not an integer from 0. {_REMEDY}')
    return np.array(segments, dtype=np.int64)


def read_objects(path: Path) -> list[ScanObject]:
    """Read the objects of a scan, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It is malformed, or two objects have one id.
    """
    objects: dict[int, ScanObject] = {}
    for index, group in enumerate(_read_list(path, 'segGroups')):
        try:
            item = _check_group(group)
            known = objects.setdefault(item.object_id, item)
            if known.segments != item.segments:
                raise ValueError('"objectId" is that of another object')
        except ValueError as error:
            raise AnnotationError(
                f'{path}: "segGroups", entry {index}: object '
                f'{str(group)[:60]} is not usable: {error}. {_REMEDY}'
            ) from None
    return list(objects.values())


def find_copies(objects: list[ScanObject]) -> dict[int, int]:
    """Ids of objects to those of earlier ones with the same segments."""
    first: dict[frozenset, int] = {}
    copies = {}
    for item in objects:
        owner = first.setdefault(item.segments, item.object_id)
        if owner != item.object_id:
            copies[item.object_id] = owner
    return copies


def label_vertices(segments: np.ndarray, objects: list[ScanObject],
                   label_map: dict[str, int], path: Path,
                   table: str) -> tuple[np.ndarray, np.ndarray]:
    """Paint object id + 1 and NYU40 id on the vertices.

    Objects are painted in the order of the file, later ones over earlier
    ones, as ScanNet's own tools do; but a copy of an earlier object is left
    out.

    Args:
        segments: (N,) segment of each vertex.
        objects: The objects of the scan.
        label_map: Raw category to NYU40 id.
        path: File of the objects, for messages.
        table: Name of the table of the categories, for messages.

    Returns:
        Instances and semantics, both (N,) int64, 0 = none.
    """
    order = np.argsort(segments, kind='stable')
    names, starts = np.unique(segments[order], return_index=True)
    members = dict(zip(names.tolist(), np.split(order, starts[1:])))
    instances = np.zeros(len(segments), dtype=np.int64)
    semantics = np.zeros(len(segments), dtype=np.int64)
    copies = find_copies(objects)
    for item in objects:
        strange = sorted(item.segments.difference(members))
        if strange:
            raise AnnotationError(
                f'{path}: object {item.object_id} has segment {strange[0]}. '
                f'A segment is not in the mesh: {_REMEDY.lower()}, and that '
                'of the segments')
        if item.label not in label_map:
            raise AnnotationError(
                f'{path}: object {item.object_id} has the label '
                f'{item.label!r:.60}, which is not in {table}. Add it there, '
                f'or {_REMEDY.lower()}')
        if item.object_id in copies:
            continue
        vertices = np.concatenate([members[s] for s in item.segments])
        instances[vertices] = item.object_id + 1
        semantics[vertices] = label_map[item.label]
    return instances, semantics


def _read_list(path: Path, key: str) -> list:
    try:
        content = load_json(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} is missing') from None
    except AnnotationError as error:
        raise AnnotationError(
            f'{path} is truncated or damaged: {error}') from None
    values = content.get(key) if isinstance(content, dict) else None
    if not isinstance(values, list):
        raise AnnotationError(f'{path} is truncated or damaged: it has no '
                              f'list "{key}". {_REMEDY}')
    return values


def _check_group(group: object) -> ScanObject:
    if not isinstance(group, dict):
        raise ValueError('it is not an object with "objectId", "label" and '
                         '"segments"')
    object_id: Any
    object_id, label, segments = (
        group.get(key) for key in ('objectId', 'label', 'segments'))
    if not _is_id(object_id) or object_id >= scan_files.MAX_LABEL:
        raise ValueError(f'"objectId" is {object_id!r:.40}, not an integer '
                         'from 0')
    if not isinstance(label, str) or not label:
        raise ValueError(f'"label" is {label!r:.40}, not a name')
    if not isinstance(segments, list) or not segments:
        raise ValueError(f'"segments" is {segments!r:.40}, not a list of '
                         'integers')
    if not all(_is_segment(segment) for segment in segments):
        raise ValueError('"segments" holds what is no integer')
    return ScanObject(object_id, label, frozenset(segments))


def _is_segment(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63  # bool is no number here


def _is_id(value: Any) -> bool:
    return _is_segment(value) and value >= 0
