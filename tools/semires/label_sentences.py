"""Give sentences the masks that a model finds: pseudo-labels of a teacher.

Examples:
    python tools/semires/label_sentences.py facebook/sam3
        --annotations data/refer/refcoco --split-by unc --split train
        --images data/refer/images/mscoco/images/train2014
        --out data/refer/refcoco_sam3
    python tools/semires/label_sentences.py configs/semires_refcoco_iom_1pct.py
        epoch_40.pth --annotations data/refer/refcoco
        --images data/refer/images/mscoco/images/train2014
        --out data/refer/refcoco_semires --min-score 0.7

The model is any that tools/infer.py takes with --text. Masks of the
annotations, if there are any, are not looked at. What is written is a data set
of the same layout, in which every sentence is an object of its own: train on
it by train_dataloader.dataset.ann_folder=refcoco_sam3 and split_by=labels.

Images whose sentences have labels are left alone, so that an interrupted run
goes on when it is started again. Several processes share the work when they
are started by torchrun or srun, or with --num-shards and --shard; the last one
to end writes the data set.
"""
from __future__ import annotations
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.apis.probability import parse_probability
from mmlangseg.cli.command_line import add_model, check_model
from mmlangseg.cli.help_formatter import DefaultsHelpFormatter
from mmlangseg.cli.shards import (add_shards, check_shards, make_missing,
                                  report_failures)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add_model(parser)
    add = parser.add_argument
    add('--annotations',
        type=Path,
        required=True,
        help='folder with instances.json and refs of a data set')
    add('--images', type=Path, required=True, help='folder of the images')
    add('--out', type=Path, required=True, help='folder to write')
    add('--split-by', default='unc', help='who made the splits: unc, umd, ...')
    add('--split', default='train', help='of the sentences to label')
    add('--image-ids',
        type=Path,
        help='label only the images of this list, such as the unlabelled ones '
        'of tools/dataset_converters/refcoco_split.py')
    add('--min-score',
        type=parse_probability,
        default=0.,
        help='leave out sentences whose mask has a smaller mean probability')
    add('--device', help='a GPU if there is one')
    add_shards(parser)
    args = parser.parse_args()
    check_shards(parser, args)
    if args.out.resolve() == args.annotations.resolve():
        parser.error('--out would replace the annotations: name another one')
    check_model(parser, args)
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

from pycocotools import mask as mask_utils

from mmlangseg.apis import ImageResult, SemiRESInferencer
from mmlangseg.cli.label_header import describe_model, with_later
from mmlangseg.cli.sharding import exit_code
from mmlangseg.engine.local_device import local_device
from mmlangseg.engine.model_source import open_model
from mmlangseg.io.annotations import load_json
from mmlangseg.io.files import write_json
from mmlangseg.semires.candidates.rle import encode
from mmlangseg.semires.datasets import (find_images, find_refs_file,
                                        read_image_ids, read_instances,
                                        read_refs, select_split)

PARTS, SPLIT_BY = 'parts', 'labels'


def read_sentences(
        args: argparse.Namespace) -> tuple[dict[int, list[dict]], dict]:
    """Refs of every image by its id, and the rows of the images."""
    path = find_refs_file(args.annotations, args.split_by)
    refs = select_split(read_refs(path), args.split, path)
    if args.image_ids is not None:
        listed = set(read_image_ids(args.image_ids))
        refs = [ref for ref in refs if ref['image_id'] in listed]
        if not refs:
            raise ValueError(f'{args.image_ids} lists no image of {path}')
    refs = [dict(ref, ann_ids=[]) for ref in refs]  # masks are not needed
    images, _ = read_instances(args.annotations / 'instances.json', refs)
    by_image: dict[int, list[dict]] = {}
    for ref in refs:
        by_image.setdefault(ref['image_id'], []).append(ref)
    return by_image, images


def describe(results: list[ImageResult], refs: list[dict]) -> list[dict]:
    """What is kept of an image: a row per sentence that has a mask."""
    sentences = [(ref, s) for ref in refs for s in ref['sentences']]
    rows = []
    for (ref, sentence), result in zip(sentences, results):
        if result.box is None:
            continue
        code = encode(result.mask)
        rows.append(
            dict(
                ref_id=ref['ref_id'],
                sent_id=sentence['sent_id'],
                text=sentence['text'],
                score=result.score,
                box=result.box,
                size=code['size'],
                counts=code['counts'].decode()))
    return rows


def label(inferencer: SemiRESInferencer, args: argparse.Namespace,
          by_image: dict[int, list[dict]], images: dict,
          paths: dict[str, str]) -> list[str]:
    """Write a part per image that has none. Returns a line per failure."""

    def make(image_id: int) -> None:
        refs, row = by_image[image_id], images[image_id]
        texts = [s['text'] for ref in refs for s in ref['sentences']]
        results = inferencer(paths[row['file_name']], texts)
        size = row['height'], row['width']
        if results[0].mask.shape != size:
            raise ValueError(f'it has {results[0].mask.shape} pixels, the '
                             f'annotations say {size}')
        write_json(
            part_of(args.out, image_id),
            dict(sentences=asked(refs), found=describe(results, refs)))

    names = {i: images[i]['file_name'] for i in by_image}
    return make_missing(args, names, 'labels',
                        lambda i: is_labelled(args.out, i, by_image[i]), make)


def part_of(out: Path, image_id: int) -> Path:
    """File of the labels of an image."""
    return out / PARTS / f'{image_id}.json'


def asked(refs: list[dict]) -> list[list]:
    """Ids and text of the sentences of an image."""
    return [[ref['ref_id'], s['sent_id'], s['text']] for ref in refs
            for s in ref['sentences']]


def is_labelled(out: Path, image_id: int, refs: list[dict]) -> bool:
    """Whether an image has labels of just these sentences: another split, or
    annotations that were changed since, has others for it."""
    path = part_of(out, image_id)
    if not path.is_file():
        return False
    part = load_json(path)
    return isinstance(part, dict) and part.get('sentences') == asked(refs)


def write_dataset(args: argparse.Namespace, by_image: dict, images: dict,
                  origin: str) -> None:
    """Write the labels of all images as REFER's files."""
    annotations: list[dict] = []
    refs: list[dict] = []
    left = 0
    for image_id in sorted(by_image):
        for row in load_json(part_of(args.out, image_id))['found']:
            if row['score'] < args.min_score:
                left += 1
                continue
            number = len(refs) + 1
            code = dict(size=row['size'], counts=row['counts'])
            annotations.append(
                dict(
                    id=number,
                    image_id=image_id,
                    category_id=1,
                    iscrowd=0,
                    area=int(mask_utils.area(code)),
                    bbox=row['box'],
                    segmentation=code))
            refs.append(
                dict(
                    ref_id=number,
                    image_id=image_id,
                    split=args.split,
                    ann_id=[number],
                    sentences=[
                        dict(
                            sent_id=row['sent_id'],
                            sent=row['text'],
                            raw=row['text'])
                    ]))
    total = sum(
        len(ref['sentences']) for refs in by_image.values() for ref in refs)
    if not refs:
        raise ValueError(f'{args.out}: none of the {total} sentences has a '
                         'mask: another model, or a lower --min-score')
    write_json(
        args.out / 'instances.json',
        dict(
            info=dict(description=f'masks of {origin}'),
            images=[dict(images[i], id=i) for i in sorted(by_image)],
            annotations=annotations,
            categories=[dict(id=1, name='object', supercategory='object')]))
    write_json(args.out / f'grefs({SPLIT_BY}).json', refs)
    print(f'{args.out}: {len(refs)} of {total} sentences have masks, {left} '
          f'of the others a score below {args.min_score:g}; split_by='
          f'{SPLIT_BY!r}')


def is_of(path: Path, wanted: dict) -> bool:
    """Whether the header of a folder says that a model made its labels."""
    known = load_json(path)
    if not isinstance(known, dict):
        return False
    # an earlier version called what has no file by its name only
    known.setdefault('checkpoint', known.get('model'))
    known = with_later(path, known, wanted)
    return all(known.get(name) == value for name, value in wanted.items())


def main() -> None:
    args = parse_args()
    try:
        by_image, images = read_sentences(args)
        paths = find_images(args.images,
                            (row['file_name'] for row in images.values()))
        header = args.out / 'labels.json'
        config, checkpoint = open_model(
            args.config, args.checkpoint or ..., takes='sentences')
        origin = describe_model(config, checkpoint)
        if header.is_file() and not is_of(header, origin):
            raise ValueError(
                f'{args.out} has labels of another model, or one that was set '
                'otherwise (see labels.json): name another folder, or delete '
                'it')
        inferencer = SemiRESInferencer(config, checkpoint, args.device
                                       or local_device())
        if not header.is_file():
            write_json(header, origin, indent=1)
        failures = label(inferencer, args, by_image, images, paths)
        report_failures(failures)
        if all(is_labelled(args.out, i, by_image[i]) for i in by_image):
            write_dataset(args, by_image, images, checkpoint
                          or config.model.pretrained)
        elif not failures:
            print('other processes still label images')
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
    sys.exit(exit_code(bool(failures)))


if __name__ == '__main__':
    main()
