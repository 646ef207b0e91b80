"""The annotation files of the REFER layout: refs and instances."""
from __future__ import annotations
import os
import re
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from mmlangseg.io.annotations import AnnotationError, load_json, raise_faults
from mmlangseg.io.coco_segmentation import check_segmentation
from mmlangseg.io.files import PathLike, load_pickle_restricted, resolve_inside

_DIGITS = re.compile('-?[0-9]{1,18}')
_MAX_SIDE = 65535  # of an image, as in the formats that photographs have


def find_refs_file(folder: PathLike, split_by: str) -> str:
    """The file of the referring expressions in the folder of a data set.

    ``refs(<split_by>).p`` (RefCOCO, RefCOCO+, RefCOCOg), or
    ``grefs(<split_by>).json`` (gRefCOCO).

    Raises:
        FileNotFoundError: There is none; says what there is.
    """
    names = f'refs({split_by}).p', f'grefs({split_by}).json'
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    found = 'which does not exist'
    if os.path.isdir(folder):
        others = sorted(n for n in os.listdir(folder) if 'refs(' in n)
        found = f'which has {", ".join(others) or "no such file"}'
    raise FileNotFoundError(
        f'Neither {names[0]} nor {names[1]} is in {folder}, {found}. Correct '
        'split_by or the folder, or download the annotations of REFER')


def read_refs(path: PathLike, text_field: str = 'sent') -> list[dict]:
    """Read the referring expressions of a data set.

    Args:
        path: ``refs(<split_by>).p`` of REFER, which is read without running
            code that it may name, or the JSON of gRefCOCO. Tables of NumPy
            and pandas leave their own types in a pickle: integers, strings
            and lists may be NumPy's, and ids may be digits.
        text_field: ``'sent'``, the cleaned sentence, or ``'raw'``, what the
            annotator wrote.

    Returns:
        One dict per object (or group of objects), in the order of the file,
        those that stand there twice, as in files that were put together, once:
        ``ref_id``, ``image_id`` (int), ``split`` (str), ``ann_ids`` (list of
        int, empty if nothing is meant; None if it was not annotated) and
        ``sentences``, a list of dicts ``sent_id`` (int), ``text`` (str) and
        ``groups`` (list of str, from an optional key of that name).

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It is malformed; names the entries and the fields.
        ValueError: It is not a pickle of plain data.
    """
    if os.fspath(path).endswith('.json'):
        content = load_json(path)
    else:
        content = load_pickle_restricted(path, allow=('numpy', ))
    content = _as_list(content)
    if not isinstance(content, list) or not content:
        raise AnnotationError(
            f'{path} is not a list of referring expressions. '
            'Download or make the file again')
    refs: list[dict] = []
    faults = []
    first: dict[int, dict] = {}
    for index, row in enumerate(content):
        try:
            ref = _clean_ref(row, text_field)
        except ValueError as error:
            faults.append(f'entry {index}: {error}')
            continue
        known = first.setdefault(ref['ref_id'], ref)
        if known is ref or known != ref:
            refs.append(ref)
    raise_faults(path, faults)
    return refs


def _field(row: Any, key: str, kind: type) -> Any:
    """A value of a row as ``int``, ``str`` or ``list``."""
    if not isinstance(row, dict):
        raise ValueError(f'it is a {type(row).__name__}, not a dict')
    if key not in row:
        raise ValueError(f'"{key}" is missing')
    read = {int: _as_integer, str: _as_text, list: _as_list}[kind]
    value = read(row[key])
    if not isinstance(value, kind):
        raise ValueError(f'"{key}" is {_show(row[key])}, not {kind.__name__}')
    return value


def _id(row: Any, key: str) -> int:
    """An integer of a row; ids are also written as digits."""
    value = row.get(key) if isinstance(row, dict) else None
    return int(value) if _is_digits(value) else _field(row, key, int)


def _is_digits(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(_DIGITS.fullmatch(value))


def _as_integer(value: Any) -> Any:
    """Whole numbers as int, booleans as None, anything else as it is."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (np.integer, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)  # a column in which some row has none
    return value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, np.str_) else value


def _as_list(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def _show(value: Any) -> str:
    """For a message; what is nested may be deep beyond printing."""
    if value is None or isinstance(value, (bool, int, float, str, np.generic)):
        return f'{value!r:.80}'
    return f'a {type(value).__name__}'


def _groups(row: dict) -> list[str]:
    groups = _as_list(row.get('groups', []))
    if not isinstance(groups, list) or not all(
            isinstance(group, str) for group in groups):
        raise ValueError('"groups" is not a list of strings')
    return list(map(str, groups))


def _clean_ref(row: Any, text_field: str) -> dict:
    sentences = [
        dict(
            sent_id=_id(sentence, 'sent_id'),
            text=_field(sentence, text_field, str),
            groups=_groups(sentence))
        for sentence in _field(row, 'sentences', list)
    ]
    if not sentences:
        raise ValueError('"sentences" is empty')
    return dict(
        ref_id=_id(row, 'ref_id'),
        image_id=_id(row, 'image_id'),
        split=_field(row, 'split', str),
        ann_ids=_annotation_ids(row),
        sentences=sentences)


def _annotation_ids(row: dict) -> list[int] | None:
    """REFER has one id, gRefCOCO a list, with -1 for "no target"."""
    ids = row.get('ann_id')
    no_target = row.get('no_target', False)
    if not isinstance(no_target, (bool, np.bool_)) and no_target not in (0, 1):
        raise ValueError(f'"no_target" is {_show(no_target)}, not bool')
    if no_target:
        return []
    if ids is None:
        return None
    ids = _as_list(ids)
    ids = [
        int(i) if _is_digits(i) else _as_integer(i)
        for i in (ids if isinstance(ids, list) else [ids])
    ]
    if not all(isinstance(i, int) for i in ids):
        raise ValueError(f'"ann_id" is {_show(row["ann_id"])}, not an integer '
                         'or a list of integers (None if the object was not '
                         'annotated)')
    return [i for i in ids if i != -1]


def in_split(name: str, split: str) -> bool:
    """Whether a ref whose ``split`` is ``name`` belongs to ``split``.

    REFER's rule: ``testA`` is whatever has an A in its name, ``test`` what
    has ``test`` in it, the others must be equal.
    """
    if split in ('testA', 'testB', 'testC'):
        return split[-1] in name
    if split == 'test':
        return 'test' in name
    return name == split


def select_split(refs: Sequence[dict], split: str,
                 path: PathLike) -> list[dict]:
    """The refs of one split.

    Raises:
        AnnotationError: There is none; says which splits the file has.
    """
    chosen = [ref for ref in refs if in_split(ref['split'], split)]
    if not chosen:
        names = sorted({ref['split'] for ref in refs})
        raise AnnotationError(f'{path} has no split {split!r}, but {names}. '
                              'Correct split or split_by')
    return chosen


def read_instances(path: PathLike, refs: Sequence[dict]) -> tuple[dict, dict]:
    """Read what ``instances.json`` says about the images and objects of refs.

    Returns:
        Two dicts: image id to ``file_name``, ``height``, ``width``, and
        annotation id to segmentation (see
        :mod:`mmlangseg.io.coco_segmentation`).

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It is malformed, or lacks an image or an object of the
            refs, or an outline is empty; names the ids and the fields.
    """
    content = load_json(path)
    images, annotations = (
        _rows_by_id(path, content, key) for key in ('images', 'annotations'))
    sizes, segmentations, faults = {}, {}, []
    for ref in refs:
        try:
            image_id = ref['image_id']
            if image_id not in sizes:
                sizes[image_id] = _clean_image(images, image_id)
            for ann_id in ref['ann_ids'] or ():
                if ann_id not in segmentations:
                    segmentations[ann_id] = _clean_annotation(
                        annotations, ann_id, image_id, sizes[image_id])
        except ValueError as error:
            faults.append(f'ref_id {ref["ref_id"]}: {error}')
    raise_faults(path, faults)
    return sizes, segmentations


def _rows_by_id(path: PathLike, content: Any, key: str) -> dict[int, dict]:
    """Rows of a list in the file.

    Raises:
        AnnotationError: It is no list, a row has no id, or two different ones
            have the same.
    """
    rows = content.get(key) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise AnnotationError(f'{path} does not have COCO\'s list "{key}". '
                              'Download or make the file again')
    found: dict[int, dict] = {}
    faults = []
    for index, row in enumerate(rows):
        try:
            row_id = _id(row, 'id')
            if found.setdefault(row_id, row) != row:
                raise ValueError(f'"id" is {row_id}, that of another row')
        except ValueError as error:
            faults.append(f'"{key}", row {index}: {error}')
    raise_faults(path, faults)
    return found


def _clean_image(images: dict, image_id: int) -> dict:
    if image_id not in images:
        raise ValueError(f'image {image_id} is missing')
    image = {
        key: _field(images[image_id], key, kind)
        for key, kind in (('file_name', str), ('height', int), ('width', int))
    }
    for key in ('height', 'width'):
        if not 1 <= image[key] <= _MAX_SIDE:
            raise ValueError(f'image {image_id}: "height" or "width" is '
                             f'{image[key]}, not from 1 to {_MAX_SIDE}')
    try:
        resolve_inside('images', image['file_name'])
    except ValueError as error:
        raise ValueError(f'image {image_id}, "file_name": {error}') from None
    return image


def _clean_annotation(annotations: dict, ann_id: int, image_id: int,
                      image: dict) -> Any:
    if ann_id not in annotations:
        raise ValueError(f'annotation {ann_id} is missing')
    row = annotations[ann_id]
    if 'image_id' in row and _id(row, 'image_id') != image_id:
        raise ValueError(f'annotation {ann_id} is of image {row["image_id"]},'
                         f' the expression of image {image_id}')
    segmentation = row.get('segmentation')
    try:
        check_segmentation(segmentation, image['height'], image['width'])
    except ValueError as error:
        raise ValueError(f'annotation {ann_id}, "segmentation": {error}. '
                         'Correct it or remove the expression') from None
    return segmentation
