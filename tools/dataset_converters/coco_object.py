"""Make the label maps of COCO-Object: 80 classes and background.

Example:
    python tools/dataset_converters/coco_object.py data/coco_stuff164k

reads COCO-Stuff's ``annotations/val2017/000000000139.png`` and writes
``000000000139_instanceTrainIds.png`` beside it: 0 is the background, 1 to 80
the classes. Stuff and unlabelled pixels become background, as in GroupViT's
evaluation; with ``--ignore-unlabelled`` unlabelled pixels are ignored (255),
and the names end in ``_instanceTrainIdsIgnore.png``.

Without COCO-Stuff, ``--instances instances_val2017.json`` draws the objects
of COCO's annotations, smaller ones over larger ones and crowds below all.
COCO-Stuff has another order where objects overlap, so scores differ slightly.

Files that exist are kept, so that the command can be interrupted and
repeated.
"""
from __future__ import annotations
import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from convert_files import add_workers, report, run_jobs
from instance_maps import Instance, draw_instances, take, take_list

from mmlangseg.io.annotations import load_json
from mmlangseg.io.files import resolve_inside, write_bytes

# the ids of COCO's 80 categories; ten of 1 to 90 were never used
UNUSED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
CATEGORY_IDS = tuple(i for i in range(1, 91) if i not in UNUSED)
LABELS = {category: i for i, category in enumerate(CATEGORY_IDS, 1)}
UNLABELLED = 255
NO_CLASS = 254  # a value that does not occur in COCO-Stuff
SUFFIX = '_instanceTrainIds.png'
SUFFIX_IGNORE = '_instanceTrainIdsIgnore.png'


def label_table(ignore_unlabelled: bool) -> np.ndarray:
    """Label of each value of COCO-Stuff's pixels, (256, ) uint8.

    The values are category ids less one: objects to 89, stuff 91 to 181.
    """
    table = np.full(256, NO_CLASS, np.uint8)
    table[np.array(CATEGORY_IDS) - 1] = np.arange(1, len(CATEGORY_IDS) + 1)
    table[91:182] = 0
    table[UNLABELLED] = 255 if ignore_unlabelled else 0
    return table


def convert_stuff(source: Path, target: Path, ignore_unlabelled: bool) -> None:
    """Convert one label map of COCO-Stuff."""
    if target.is_file():
        return
    with Image.open(source) as image:
        values = np.array(image)
    if values.ndim != 2 or values.dtype != np.uint8:
        raise ValueError(f'it has shape {values.shape} and type '
                         f'{values.dtype}, not one channel of 8 bits')
    labels = label_table(ignore_unlabelled)[values]
    if (labels == NO_CLASS).any():
        raise ValueError(
            f'the values {np.unique(values[labels == NO_CLASS])[:5]} are no '
            'classes of COCO-Stuff 164k. Is it not as it was downloaded?')
    write_png(target, labels)


def convert_instances(image: dict, annotations: list, target: Path) -> None:
    """Draw the objects of one image."""
    if target.is_file():
        return
    instances = []
    for annotation in annotations:
        category = take(annotation, 'category_id')
        if type(category) is not int or category not in LABELS:
            raise ValueError(f'annotation {annotation.get("id")} has '
                             f'category_id {category!r}, which is none of '
                             'COCO\'s 80')
        instances.append(
            Instance(LABELS[category], take(annotation, 'segmentation'),
                     bool(annotation.get('iscrowd'))))
    labels = draw_instances(instances, take(image, 'height'),
                            take(image, 'width'))
    write_png(target, labels.astype(np.uint8))


def write_png(path: Path, labels: np.ndarray) -> None:
    """Write a label map of 8 or 16 bits atomically."""
    buffer = io.BytesIO()
    Image.fromarray(labels).save(buffer, 'PNG')
    write_bytes(path, buffer.getvalue())


def read_instances(path: Path) -> dict:
    """Read COCO's annotations: images, each with its objects.

    Returns:
        File name to (image, list of its annotations).
    """
    try:
        content = load_json(path)
        images = {image['id']: image for image in take_list(content, 'images')}
        objects: dict = {i: [] for i in images}
        for annotation in take_list(content, 'annotations'):
            objects[annotation['image_id']].append(annotation)
        return {
            image['file_name']: (image, objects[i])
            for i, image in images.items()
        }
    except FileNotFoundError:
        raise ValueError(f'{path} does not exist. It is in COCO\'s '
                         'annotations_trainval2017.zip') from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is truncated or not a file of COCO '
                         f'instances: {error!r}') from None


def stuff_jobs(folder: Path, suffix: str, ignore_unlabelled: bool) -> dict:
    """The label maps of a split of COCO-Stuff."""
    sources = sorted(p for p in folder.glob('*.png') if p.stem.isdigit())
    if not sources:
        raise ValueError(
            f'{folder} has no label maps 000000000139.png. Unpack '
            'stuffthingmaps_trainval2017.zip there, or use --instances')
    return {
        str(source):
        (source, source.with_name(source.stem + suffix), ignore_unlabelled)
        for source in sources
    }


def instance_jobs(path: Path, folder: Path) -> dict:
    """The images of an annotation file."""
    jobs = {}
    for name, (image, objects) in read_instances(path).items():
        target = resolve_inside(folder, str(Path(name).with_suffix('')))
        jobs[f'{path}, image {name}'] = (image, objects, Path(target + SUFFIX))
    return jobs


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'root', type=Path, help='folder with annotations/<split>/')
    parser.add_argument(
        '--splits', nargs='+', default=['val2017'], help='by default val2017')
    parser.add_argument(
        '--ignore-unlabelled',
        action='store_true',
        help='unlabelled pixels become 255 instead of background')
    parser.add_argument(
        '--instances',
        type=Path,
        help='annotations to draw instead of converting COCO-Stuff; of the '
        'one split')
    add_workers(parser)
    args = parser.parse_args(argv)
    if args.instances and (args.ignore_unlabelled or len(args.splits) > 1):
        parser.error('--instances is for one split, and knows no unlabelled '
                     'pixels: leave --ignore-unlabelled out')
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the converter; returns the exit status."""
    args = parse_args(argv)
    suffix = SUFFIX_IGNORE if args.ignore_unlabelled else SUFFIX
    failures: list[str] = []
    function: Callable
    try:
        for split in args.splits:
            folder = args.root / 'annotations' / split
            if args.instances:
                jobs, function = instance_jobs(args.instances,
                                               folder), convert_instances
            else:
                jobs, function = stuff_jobs(
                    folder, suffix, args.ignore_unlabelled), convert_stuff
            print(f'{split}: {len(jobs)} images -> {folder}/*{suffix}')
            failures += run_jobs(function, jobs, args.workers)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return report(
        failures, 'Nothing was written for them; download these files again '
        'and repeat the command')


if __name__ == '__main__':
    sys.exit(main())
