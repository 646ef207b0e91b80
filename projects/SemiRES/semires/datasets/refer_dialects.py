"""Referring expressions in the files of others, brought into REFER's form."""
from __future__ import annotations
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from mmlangseg.io.annotations import AnnotationError, load_json, raise_faults
from mmlangseg.io.coco_segmentation import check_segmentation
from mmlangseg.io.files import PathLike, write_json, write_pickle
from mmlangseg.text import split_words
from .refer_files import read_instances, read_refs
from .refer_parquet import read_parquet

# What an annotation's sentences are called, of which one is a list or a text.
SENTENCE_KEYS = ('sentences', 'expressions', 'captions', 'sentence',
                 'expression', 'caption', 'description', 'phrase', 'text')
_COCO_2014 = 'COCO_train2014_{:012d}.jpg'


def read_dialects(
        files: Sequence[tuple[PathLike, str]]) -> tuple[list[dict], dict]:
    """Read files of referring expressions as one data set.

    Read are

    - JSON of SeqTR, SimVG, DeRIS and InstanceVG: an object of split to a list
      of ``image_id``, ``height``, ``width``, ``mask``, ``expressions``;
    - COCO JSON, as Roboflow exports it, whose annotations have sentences
      under one of :data:`SENTENCE_KEYS`;
    - Parquet with REFER's columns and ``raw_anns``, ``raw_image_info`` (JSON
      text), as ``jxu124/refcoco`` has them; needs pyarrow.

    Ids stay as they are, but those of several JSON files, each of which may
    begin with 0, are given anew; there, images are told by their names. One
    id, or name, of two images or objects is an error.

    Args:
        files: Paths, each with the split of expressions that name none.

    Returns:
        tuple[list[dict], dict]: Refs and instances in REFER's form.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: One is Parquet, and pyarrow is not installed.
        AnnotationError: One is in none of these forms, or malformed.
    """
    rows, faults = [], []
    several = len(files) > 1
    images: dict[str, int] = {}
    for path, split in map(lambda pair: (Path(pair[0]), pair[1]), files):
        parquet = path.suffix.lower() == '.parquet'
        for number, row in enumerate(_read_rows(path)):
            try:
                row = _clean_row(row, split)
            except (KeyError, TypeError, ValueError) as error:
                reason = f'{error} is missing' if isinstance(
                    error, KeyError) else error
                faults.append(f'entry {number}: {reason}')
                continue
            if several and not parquet:
                number = images.setdefault(row['file_name'], len(images))
                row.update(image_id=number, ann_id=None, ref_id=None)
                for sentence in row['sentences']:
                    sentence['sent_id'] = None
            rows.append(row)
        raise_faults(path, faults)
        if not rows:
            raise AnnotationError(f'{path} has no expression')
    try:
        return _as_refer(rows)
    except ValueError as error:
        names = ', '.join(str(path) for path, _ in files)
        raise AnnotationError(f'{names}: {error}') from None


def write_refer(folder: PathLike, refs: Sequence[dict], instances: dict,
                split_by: str) -> None:
    """Write ``instances.json`` and ``refs(<split_by>).p``, and read them back.

    Raises:
        AnnotationError: What was written is not usable; names the entries.
    """
    folder = Path(folder)
    write_json(folder / 'instances.json', instances)
    path = folder / f'refs({split_by}).p'
    write_pickle(path, list(refs))
    read_instances(folder / 'instances.json', read_refs(path))


def _read_rows(path: Path) -> Iterable[dict]:
    """Rows with ``image_id``, ``height``, ``width``, ``segmentation``,
    ``sentences``, and maybe ``file_name``, ``ann_id``, ``ref_id``, ``split``,
    ``category_id``, ``bbox``."""
    if path.suffix.lower() == '.parquet':
        return read_parquet(path)
    content = load_json(path)
    if isinstance(content, dict) and 'annotations' in content:
        return _coco_rows(path, content)
    if isinstance(content, dict) and all(
            isinstance(rows, list) for rows in content.values()):
        return _seqtr_rows(content)
    raise AnnotationError(
        f'{path} is neither COCO JSON with sentences nor an object of splits '
        'with lists of expressions, as SeqTR and DeRIS have it')


def _clean_row(row: Any, split: str) -> dict:
    if not isinstance(row, dict):
        raise ValueError(f'it is a {type(row).__name__}, not an object')
    image_id = _integer(row, 'image_id')
    values = row['sentences']
    sentences = [
        _sentence(value)
        for value in (values if isinstance(values, list) else [values])
    ]
    if not sentences:
        raise ValueError('it has no sentence')
    height, width = (_integer(row, key) or 0 for key in ('height', 'width'))
    sides = range(1, 1 << 16)  # of an image
    if height not in sides or width not in sides:
        raise ValueError(f'an image has no {height} x {width} pixels')
    try:  # now: the files that are written would be named
        check_segmentation(row['segmentation'], height, width)
    except ValueError as error:
        raise ValueError(f'"segmentation": {error}') from None
    return dict(
        image_id=image_id,
        height=height,
        width=width,
        file_name=str(row.get('file_name') or _COCO_2014.format(image_id)),
        ann_id=_integer(row, 'ann_id', required=False),
        ref_id=_integer(row, 'ref_id', required=False),
        category_id=_integer(row, 'category_id', required=False) or 1,
        split=str(row.get('split') or split),
        bbox=_box(row.get('bbox') or []),
        segmentation=row['segmentation'],
        sentences=sentences)


def _box(value: Any) -> list[float]:
    """A box of COCO, or nothing."""
    if not isinstance(value, list) or len(value) not in (0, 4) or not all(
            type(number) in (int, float) and math.isfinite(number)
            for number in value):
        raise ValueError(f'"bbox" is {value!r:.40}, not four numbers')
    return value


def _as_refer(rows: Sequence[dict]) -> tuple[list[dict], dict]:
    """Part images, annotations and refs; number what has no id.

    Raises:
        ValueError: Two images or objects have the same id.
    """
    refs = []
    images: dict[int, dict] = {}
    annotations: dict[int, dict] = {}
    free = {
        key: _free(row[key] for row in rows)
        for key in ('ref_id', 'ann_id')
    }
    free_sentence = _free(sentence['sent_id'] for row in rows
                          for sentence in row['sentences'])
    for row in rows:
        image = dict(
            id=row['image_id'],
            file_name=row['file_name'],
            height=row['height'],
            width=row['width'])
        other = images.setdefault(row['image_id'], image)
        if other != image:
            raise ValueError(f'image {row["image_id"]} is {_show(other)}, but '
                             f'also {_show(image)}: give them other ids, or '
                             'names')
        ids = {
            key: next(free[key]) if row[key] is None else row[key]
            for key in ('ref_id', 'ann_id')
        }
        shared = {key: row[key] for key in ('image_id', 'category_id')}
        annotation = dict(
            shared,
            id=ids['ann_id'],
            iscrowd=0,
            bbox=row['bbox'],
            segmentation=row['segmentation'])
        if annotations.setdefault(ids['ann_id'], annotation) != annotation:
            raise ValueError(f'two different objects are annotation '
                             f'{ids["ann_id"]}: give them other ids')
        for sentence in row['sentences']:
            if sentence['sent_id'] is None:
                sentence['sent_id'] = next(free_sentence)
        refs.append(
            dict(
                shared,
                **ids,
                split=row['split'],
                file_name=row['file_name'],
                sent_ids=[s['sent_id'] for s in row['sentences']],
                sentences=row['sentences']))
    categories = sorted({row['category_id'] for row in rows})
    return refs, dict(
        images=list(images.values()),
        annotations=list(annotations.values()),
        categories=[dict(id=i, name=str(i)) for i in categories])


def _free(given: Iterable[int | None]) -> Iterator[int]:
    """Numbers from 0 on that are not given."""
    taken = set(given)
    return (number for number in count() if number not in taken)


def _show(image: dict) -> str:
    return f'{image["file_name"]} of {image["height"]} x {image["width"]}'


def _integer(row: dict, key: str, required: bool = True) -> int | None:
    value = row.get(key)
    if value is None and not required:
        return None
    if isinstance(value, bool) or not isinstance(
            value, (int, str)) or not str(value).lstrip('-').isdecimal():
        raise ValueError(f'"{key}" is {value!r:.40}, not an integer')
    return int(value)


def _sentence(value: Any) -> dict:
    """REFER's sentence of a text, or of a dict with ``sent`` or ``raw``."""
    row = value if isinstance(value, dict) else dict(raw=value)
    raw = row.get('raw') or row.get('sent')
    text = row.get('sent') or raw
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f'a sentence is {text!r:.40}, not text')
    return dict(
        sent_id=_integer(row, 'sent_id', required=False),
        sent=text.strip(),
        raw=str(raw),
        tokens=split_words(text))


def _seqtr_rows(content: dict[str, list]) -> Iterator[dict]:
    for split, rows in content.items():
        for row in rows:
            if not isinstance(row, dict):
                yield row  # which is refused with its number
                continue
            yield dict(
                row,
                split=row.get('split') or split,
                segmentation=row.get('mask', row.get('segmentation')),
                sentences=row.get('expressions', row.get('expression')))


def _coco_rows(path: Path, content: dict) -> Iterator[dict]:
    images = content.get('images')
    if not isinstance(images, list) or not isinstance(content['annotations'],
                                                      list):
        raise AnnotationError(f'{path} does not have COCO\'s lists "images" '
                              'and "annotations"')
    by_id: dict[int | str, dict] = {}
    for image in images:
        if isinstance(image, dict) and isinstance(image.get('id'), (int, str)):
            if by_id.setdefault(image['id'], image) != image:
                raise AnnotationError(
                    f'{path}: two different images have the id '
                    f'{image["id"]!r:.40}: give one of them another')
    for row in content['annotations']:
        number = row.get('image_id') if isinstance(row, dict) else None
        if not isinstance(number, (int, str)) or number not in by_id:
            raise AnnotationError(f'{path}: an annotation is of an image that '
                                  'is not in "images"')
        key = next((k for k in SENTENCE_KEYS if row.get(k)), None)
        if key is None:
            continue  # an object without a sentence
        image = by_id[number]
        yield dict(
            {
                k: image.get(k)
                for k in ('height', 'width', 'file_name', 'split')
            },
            image_id=row['image_id'],
            ann_id=row.get('id'),
            category_id=row.get('category_id'),
            bbox=row.get('bbox'),
            segmentation=row.get('segmentation'),
            sentences=row[key])
