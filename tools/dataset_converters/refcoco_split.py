r"""Split the images of a REFER data set into labelled and unlabelled ones.

Example:
    python tools/dataset_converters/refcoco_split.py data/refer/refcoco \
        --percent 0.1 0.5 1 2 5 10 30

writes ``data/refer/refcoco/splits/refcoco_unc_train_1pct_seed0.labelled.json``
and ``... .unlabelled.json`` for each percentage, for ``image_ids`` of
``RefCOCODataset``. All expressions of an image are on the same side. The rule
is that of the released SemiRES, so that seed 0 gives its lists. Images with a
sentence that was not annotated are never labelled ones; ``--annotated`` makes
all others labelled, instead of a percentage. ``--words`` also writes the words
of the sentences, ``data/refer/refcoco/train.words.txt``, for
``GRUTextEncoder``.
"""
from __future__ import annotations
import argparse
import hashlib
import math
import random
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'folder', type=Path, help='folder of refs(<split_by>).p')
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        '--percent',
        type=float,
        nargs='+',
        help='share of the images that is labelled, one or several')
    which.add_argument(
        '--annotated',
        action='store_true',
        help='label the images of which all sentences have "ann_id"')
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[0], help='by default 0')
    parser.add_argument(
        '--split-by', default='unc', help='unc (default), umd or google')
    parser.add_argument('--split', default='train', help='by default train')
    parser.add_argument(
        '--out',
        type=Path,
        help='folder to write to, by default FOLDER/splits')
    parser.add_argument(
        '--words',
        action='store_true',
        help='write the words of the sentences to FOLDER/SPLIT.words.txt')
    args = parser.parse_args(argv)
    args.name = args.folder.resolve().name
    args.out = args.out or args.folder / 'splits'
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

from mmlangseg.semires.datasets import (find_refs_file, read_refs,
                                        select_split, write_image_ids)
from mmlangseg.text import write_vocabulary

# SHA-256 of the comma-separated, sorted ids of the released labelled list
# refcoco_1%_image.json: 169 of 16,994 images.
PUBLISHED = (
    'eae758787c046ea161123110e1c48267e572ed3afdf703c2171aa1f98d1747f7')
PUBLISHED_SET = ('refcoco', 'unc', 'train', 1., 0)


def annotated_images(refs: Sequence[dict]) -> list[int]:
    """Images of which all sentences were annotated, in order of appearance.

    Args:
        refs: In ascending order of ``ref_id``.
    """
    images = dict.fromkeys(ref['image_id'] for ref in refs)
    for ref in refs:
        if ref['ann_ids'] is None:
            images.pop(ref['image_id'], None)
    return list(images)


def labelled_images(image_ids: Sequence[int], percent: float, seed: int,
                    total: int) -> list[int]:
    """Draw the labelled images by the released rule.

    ``floor(percent / 100 * total)`` images, by Python's ``random.sample``
    after ``random.seed(seed)``.

    Args:
        image_ids: Of the images to draw from, in the order of
            :func:`annotated_images`.
        percent: Share of all images that is labelled.
        seed: Of the draw.
        total: Number of all images.

    Returns:
        The ids in the order in which they were drawn.

    Raises:
        ValueError: No image would be labelled, or none unlabelled, or too few
            were annotated.
    """
    count = math.floor(percent / 100 * total)
    if not 0 < count < total:
        raise ValueError(
            f'{percent:g} % of {total} images are {count}; there must '
            'be labelled and unlabelled images. Choose another percentage')
    if count > len(image_ids):
        raise ValueError(
            f'{percent:g} % of {total} images are {count}, but only '
            f'{len(image_ids)} were annotated, with "ann_id" for each '
            'sentence. Choose a smaller percentage, or --annotated')
    return random.Random(seed).sample(image_ids, count)


def fingerprint(image_ids: Collection[int]) -> str:
    """SHA-256 of a set of images."""
    text = ','.join(map(str, sorted(image_ids)))
    return hashlib.sha256(text.encode()).hexdigest()


def describe(refs: Sequence[dict]) -> str:
    """Count images, objects and sentences."""
    images = len({ref['image_id'] for ref in refs})
    sentences = sum(len(ref['sentences']) for ref in refs)
    return f'{images} images, {len(refs)} objects, {sentences} sentences'


def write_drawn(refs: Sequence[dict], percent: float, seed: int,
                args: argparse.Namespace) -> None:
    """Write the two lists of one percentage and seed, and report."""
    total = len({ref['image_id'] for ref in refs})
    labelled = set(
        labelled_images(annotated_images(refs), percent, seed, total))
    write_split(refs, labelled, f'{percent:g}pct_seed{seed}', args,
                dict(percent=percent, seed=seed))
    key = (args.name, args.split_by, args.split, percent, seed)
    if key == PUBLISHED_SET:
        same = fingerprint(labelled) == PUBLISHED
        print('  equals the published list' if same else
              f'  differs from the published list of 169 images (here '
              f'{len(labelled)}); is the data set complete?')


def write_annotated(refs: Sequence[dict], args: argparse.Namespace) -> None:
    """Write the lists of the annotated images and of the others."""
    labelled = set(annotated_images(refs))
    total = len({ref['image_id'] for ref in refs})
    if len(labelled) in (0, total):
        remedy = 'Choose a percentage' if labelled else \
            'Annotate some: give each of their sentences "ann_id"'
        raise ValueError(
            f'{len(labelled)} of {total} images were annotated; there must be '
            f'labelled and unlabelled images. {remedy}')
    write_split(refs, labelled, 'annotated', args, {})


def write_split(refs: Sequence[dict], labelled: set[int], name: str,
                args: argparse.Namespace, origin: dict) -> None:
    """Write the labelled images and the others."""
    sides = {
        'labelled': [r for r in refs if r['image_id'] in labelled],
        'unlabelled': [r for r in refs if r['image_id'] not in labelled]
    }
    stem = f'{args.name}_{args.split_by}_{args.split}_{name}'
    print(f'{stem}:')
    for side, chosen in sides.items():
        path = args.out / f'{stem}.{side}.json'
        metainfo = dict(
            dataset=args.name,
            split_by=args.split_by,
            split=args.split,
            **origin,
            side=side)
        write_image_ids(path, metainfo, sorted({r['image_id']
                                                for r in chosen}))
        print(f'  {side}: {describe(chosen)} -> {path}')


def main(argv: Sequence[str] | None = None) -> int:
    """Write the lists; returns the exit status."""
    args = parse_args(argv)
    try:
        path = find_refs_file(args.folder, args.split_by)
        refs = select_split(read_refs(path), args.split, path)
        refs = sorted(refs, key=lambda ref: ref['ref_id'])
        print(f'{path}, {args.split}: {describe(refs)}')
        if args.annotated:
            write_annotated(refs, args)
        for percent in args.percent or ():
            for seed in args.seeds:
                write_drawn(refs, percent, seed, args)
        if args.words:
            words = args.folder / f'{args.split}.words.txt'
            raw = select_split(read_refs(path, 'raw'), args.split, path)
            write_vocabulary(words, (sentence['text'] for ref in refs + raw
                                     for sentence in ref['sentences']))
            print(f'words of the sentences -> {words}')
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
