r"""Make label maps of LVIS v1: 1,203 classes, 16 bits.

Example:
    python tools/dataset_converters/lvis.py \
        data/lvis_v1/annotations/lvis_v1_val.json

reads the masks of the instances and writes below ``data/lvis_v1``, where
COCO's images belong into ``train2017`` and ``val2017`` (links will do; three
in four of the 19,809 images for validation are in ``train2017``):

    labels/val2017/000000000139.png   0 = no instance, 1 to 1203 the classes
    lvis_v1_val.txt                   the images, val2017/000000000139 ...
    classes.txt                       id, name and synonyms

Smaller instances are drawn over larger ones. Crowds, of which LVIS v1 has
none, are drawn below all others as 65535, ignored. Where LVIS says that a
category is not exhaustively annotated in an image, its other objects have no
mask; their pixels are 0, which ``LVISDataset`` ignores by default.

Files that exist are kept, so that the command can be interrupted and
repeated; the list is written last.
"""
from __future__ import annotations
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from convert_files import add_workers, report, run_jobs


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'annotations', type=Path, help='lvis_v1_val.json or lvis_v1_train')
    parser.add_argument(
        '--out',
        type=Path,
        help="where to write, by default the parent of the annotations' "
        'folder')
    add_workers(parser)
    return parser.parse_args(argv)


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

import numpy as np
from coco_object import write_png
from instance_maps import Instance, draw_instances, take, take_list

from mmlangseg.io.annotations import load_json
from mmlangseg.io.files import resolve_inside, write_text
from mmlangseg.sseg.datasets import WIDE_IGNORE_INDEX
from mmlangseg.sseg.vocabulary import (ClassNames, read_class_names,
                                       write_class_names)


def read_annotations(path: Path) -> dict:
    """Read an annotation file of LVIS."""
    try:
        content = load_json(path)
        return {
            key: take_list(content, key)
            for key in ('categories', 'images', 'annotations')
        }
    except FileNotFoundError:
        raise ValueError(f'{path} does not exist. Unpack LVIS\'s '
                         'lvis_v1_val.json.zip there') from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is truncated or not a file of LVIS: '
                         f'{error!r}') from None


def read_categories(categories: Sequence[dict], path: Path) -> ClassNames:
    """Names and synonyms of the categories, whose ids are 1, 2, 3 and on."""
    try:
        found = {
            category['id']:
            tuple(dict.fromkeys([category['name'], *category['synonyms']]))
            for category in categories
        }
        names = tuple(found[i] for i in range(1, len(categories) + 1))
    except (KeyError, TypeError) as error:
        raise ValueError(
            f'{path}: a category has no "id", "name" or "synonyms", or the '
            f'ids are not 1 to their number: {error!r}') from None
    for synonyms in names:
        if not all(isinstance(name, str) for name in synonyms):
            raise ValueError(f'{path}: the names {synonyms!r:.80} of a '
                             'category are not all texts')
    # the file of names separates them by semicolons
    names = tuple(
        tuple(name.replace(';', ',') for name in synonyms)
        for synonyms in names)
    return ClassNames(names, background=False)


def image_name(image: dict) -> str:
    """Folder and name of an image, without suffix: val2017/000000000139."""
    source = image.get('coco_url')
    if source is None:
        source = image.get('file_name')
    if not isinstance(source, str):
        raise ValueError(f'image {image.get("id")} has neither "coco_url" nor '
                         '"file_name"')
    return '/'.join(Path(source).with_suffix('').parts[-2:])


def convert_image(image: dict, annotations: list, num_classes: int,
                  target: Path) -> None:
    """Draw the instances of one image."""
    if target.is_file():
        return
    instances = []
    for annotation in annotations:
        label = take(annotation, 'category_id')
        if type(label) is not int or not 0 < label <= num_classes:
            raise ValueError(f'annotation {annotation.get("id")} has '
                             f'category_id {label!r}, which is no category')
        crowd = bool(annotation.get('iscrowd'))
        instances.append(
            Instance(WIDE_IGNORE_INDEX if crowd else label,
                     take(annotation, 'segmentation'), crowd))
    labels = draw_instances(instances, take(image, 'height'),
                            take(image, 'width'))
    write_png(target, labels.astype(np.uint16))


def image_jobs(content: dict, path: Path, folder: Path,
               num_classes: int) -> tuple[dict, list[str]]:
    """The images of an annotation file: jobs and names."""
    try:
        images = {image['id']: image for image in content['images']}
        objects: dict = {i: [] for i in images}
        for annotation in content['annotations']:
            objects[annotation['image_id']].append(annotation)
        jobs, names = {}, []
        for i, image in images.items():
            names.append(image_name(image))
            target = Path(resolve_inside(folder, f'{names[-1]}.png'))
            jobs[f'{path}, image {i}'] = (image, objects[i], num_classes,
                                          target)
    except (KeyError, TypeError) as error:
        raise ValueError(f'{path}: an image or annotation is malformed: '
                         f'{error!r}') from None
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    return jobs, names


def save_names(path: Path, names: ClassNames) -> None:
    """Write the names, or check that they are those that are there."""
    if not path.is_file():
        write_class_names(path, names)
    elif read_class_names(path) != names:
        raise ValueError(f'{path} has other classes than the annotations. '
                         'Delete it, or write to another folder')


def main(argv: list[str] | None = None) -> int:
    """Run the converter; returns the exit status."""
    args = parse_args(argv)
    out = args.out or args.annotations.resolve().parents[1]
    try:
        content = read_annotations(args.annotations)
        names = read_categories(content['categories'], args.annotations)
        jobs, images = image_jobs(content, args.annotations, out / 'labels',
                                  len(names.names))
        save_names(out / 'classes.txt', names)
        print(f'{len(jobs)} images of {len(names.names)} classes -> '
              f'{out / "labels"}')
        failures = run_jobs(convert_image, jobs, args.workers)
        if not failures:
            write_text(out / f'{args.annotations.stem}.txt',
                       ''.join(f'{name}\n' for name in images))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return report(
        failures, 'Nothing was written for them, and no list of images; '
        'correct the annotations and repeat the command')


if __name__ == '__main__':
    sys.exit(main())
