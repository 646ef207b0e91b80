"""The annotation files of the REFER layout: refs and instances."""
from __future__ import annotations
import os
from typing import Any, Sequence

from mmlangseg.annotation_files import AnnotationError, load_json, raise_faults
from mmlangseg.coco_segmentation import check_segmentation
from mmlangseg.fileio import PathLike, load_pickle_restricted, resolve_inside


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
            code that it may name, or the JSON of gRefCOCO.
        text_field: ``'sent'``, the cleaned sentence, or ``'raw'``, what the
            annotator wrote.

    Returns:
        One dict per object (or group of objects), in the order of the file:
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
        content = load_pickle_restricted(path)
    if not isinstance(content, list) or not content:
        raise AnnotationError(
            f'{path} is not a list of referring expressions. '
            'Download or make the file again')
    refs, faults = [], []
    for index, row in enumerate(content):
        try:
            refs.append(_clean_ref(row, text_field))
        except ValueError as error:
            faults.append(f'entry {index}: {error}')
    raise_faults(path, faults)
    return refs


def _field(row: Any, key: str, kind: type) -> Any:
    if not isinstance(row, dict):
        raise ValueError(f'it is a {type(row).__name__}, not a dict')
    if key not in row:
        raise ValueError(f'"{key}" is missing')
    value = row[key]
    if not isinstance(value, kind) or (kind is int
                                       and isinstance(value, bool)):
        raise ValueError(f'"{key}" is {value!r:.80}, not {kind.__name__}')
    return value


def _groups(row: dict) -> list[str]:
    groups = row.get('groups', [])
    if not isinstance(groups, list) or not all(
            isinstance(group, str) for group in groups):
        raise ValueError('"groups" is not a list of strings')
    return groups


def _clean_ref(row: Any, text_field: str) -> dict:
    sentences = [
        dict(
            sent_id=_field(sentence, 'sent_id', int),
            text=_field(sentence, text_field, str),
            groups=_groups(sentence))
        for sentence in _field(row, 'sentences', list)
    ]
    if not sentences:
        raise ValueError('"sentences" is empty')
    return dict(
        ref_id=_field(row, 'ref_id', int),
        image_id=_field(row, 'image_id', int),
        split=_field(row, 'split', str),
        ann_ids=_annotation_ids(row),
        sentences=sentences)


def _annotation_ids(row: dict) -> list[int] | None:
    """REFER has one id, gRefCOCO a list, with -1 for "no target"."""
    ids = row.get('ann_id')
    if row.get('no_target'):
        return []
    if ids is None:
        return None
    ids = ids if isinstance(ids, list) else [ids]
    if not all(isinstance(i, int) and not isinstance(i, bool) for i in ids):
        raise ValueError(f'"ann_id" is {row["ann_id"]!r:.80}, not an integer '
                         'or a list of integers')
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
        annotation id to segmentation (see :mod:`mmlangseg.coco_segmentation`).

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It is malformed, or lacks an image or an object of the
            refs, or an outline is empty; names the ids and the fields.
    """
    content = load_json(path)
    try:
        images = {row['id']: row for row in content['images']}
        annotations = {row['id']: row for row in content['annotations']}
    except (KeyError, TypeError) as error:
        raise AnnotationError(
            f'{path} does not have COCO\'s "images" and "annotations", each '
            f'with "id": {error!r}. Download or make the file again') from None
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


def _clean_image(images: dict, image_id: int) -> dict:
    if image_id not in images:
        raise ValueError(f'image {image_id} is missing')
    image = {
        key: _field(images[image_id], key, kind)
        for key, kind in (('file_name', str), ('height', int), ('width', int))
    }
    if min(image['height'], image['width']) < 1:
        raise ValueError(f'image {image_id}: "height" or "width" is 0')
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
    if row.get('image_id', image_id) != image_id:
        raise ValueError(f'annotation {ann_id} is of image {row["image_id"]},'
                         f' the expression of image {image_id}')
    segmentation = row.get('segmentation')
    try:
        check_segmentation(segmentation, image['height'], image['width'])
    except ValueError as error:
        raise ValueError(f'annotation {ann_id}, "segmentation": {error}. '
                         'Correct it or remove the expression') from None
    return segmentation
