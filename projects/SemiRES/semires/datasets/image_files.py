"""The images of a data set, and lists of labelled and unlabelled ones."""
from __future__ import annotations
import json
import os
import re
from collections.abc import Iterable, Sequence

from mmlangseg.io.annotations import AnnotationError, load_json
from mmlangseg.io.files import PathLike, resolve_inside, write_text

_COCO_2014 = re.compile(r'COCO_(?:train|val)2014_(\d{12}\.jpg)')


def find_images(folder: PathLike, names: Iterable[str]) -> dict[str, str]:
    """Find the images that annotations name in a folder.

    ``COCO_train2014_000000000009.jpg`` is also found as
    ``000000000009.jpg``, its name since COCO 2017.

    Returns:
        Name in the annotations to path.

    Raises:
        FileNotFoundError: Some are missing; says how many and which first.
    """
    folder = os.fspath(folder)
    listed: dict[str, set[str]] = {}
    found, missing = {}, []
    names = list(dict.fromkeys(names))
    for name in names:
        for candidate in (name, _COCO_2014.sub(r'\1', name)):
            path = resolve_inside(folder, candidate)
            parent, base = os.path.split(path)
            if parent not in listed:  # once, not one question per image
                listed[parent] = set(
                    os.listdir(parent) if os.path.isdir(parent) else ())
            if base in listed[parent]:
                found[name] = path
                break
        else:
            missing.append(name)
    if missing:
        state = 'is not a folder' if not os.path.isdir(folder) else (
            f'lacks {len(missing)} of {len(names)} images, the first is '
            f'{missing[0]}')
        raise FileNotFoundError(
            f'{folder} {state}. Correct data_prefix (REFER: '
            'images/mscoco/images/train2014, MMDetection: train2014), or '
            'download the images of COCO train2014')
    return found


def number_of_name(path: PathLike) -> str:
    """Digits at the end of a file's name, before its ending; maybe none."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return stem[len(stem.rstrip('0123456789')):]


def read_image_ids(path: PathLike) -> list[int]:
    """Read a list of images made by ``refcoco_split.py``.

    A plain JSON list of ids will do too.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: It is not such a list.
    """
    try:
        content = load_json(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path} does not exist. Make it with tools/dataset_converters/'
            'refcoco_split.py') from None
    ids = content.get('image_ids') if isinstance(content, dict) else content
    if not isinstance(ids, list) or not all(type(i) is int for i in ids):
        raise AnnotationError(
            f'{path} has no list of integers "image_ids". Make '
            'it with tools/dataset_converters/refcoco_split.py')
    return ids


def write_image_ids(path: PathLike, metainfo: dict,
                    image_ids: Sequence[int]) -> None:
    """Write a list of images, with what it was made from."""
    write_text(
        path,
        json.dumps(dict(metainfo=metainfo, image_ids=list(image_ids))) + '\n')
