"""How well mask candidates cover objects, and what refinement gains by them.

    python tools/semires/evaluate_candidates.py data/refer/refcoco \
        --split train --cache sam=data/candidates/sam \
        --cache regions=data/candidates/regions \
        --refiner IOM threshold=0.5 --refiner CPI max_area_ratio=1.5

No model is trained or run. The first tables compare the best candidate of
every object with its true mask. With ``--refiner``, true masks are eroded,
dilated, shifted or cut, and refined: what is gained is the claim of SemiRES
that photographs without a trained teacher can show.
"""
from __future__ import annotations
import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
if (HERE.parents[1] / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(HERE.parents[1]))
sys.path.insert(0, str(HERE))

from mmlangseg.cli.help_formatter import DefaultsHelpFormatter


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add('annotations',
        type=Path,
        help='folder with instances.json and refs of a data set')
    add('--split-by', default='unc', help='who made the splits: unc, umd, ...')
    add('--split', help='of the annotations; all of them without it')
    add('--cache',
        action='append',
        required=True,
        metavar='NAME=DIR',
        help='of candidates; can be repeated. Images that one of them lacks '
        'are left out')
    add('--band',
        type=int,
        nargs='+',
        default=[0],
        metavar='PIXELS',
        help='pixels as close as this to the true outline do not count; '
        'with several there is a table for each')
    add('--refiner',
        nargs='+',
        action='append',
        default=[],
        metavar=('TYPE', 'KEY=VALUE'),
        help='a refiner and its options, as in a config; can be repeated')
    add('--seeds', type=int, default=5, help='of the noise')
    add('--out', type=Path, help='JSON with the numbers')
    args = parser.parse_args()
    if min(args.band) < 0 or args.seeds < 1:
        parser.error('--band must not be negative, --seeds must be positive')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import cv2
import numpy as np
from evaluate_refinement import read_refiner
from mask_noise import NOISE
from mmseg.registry import MODELS

from mmlangseg.cli.table import format_rows
from mmlangseg.io.coco_segmentation import decode_segmentation
from mmlangseg.io.files import write_json
from mmlangseg.io.nearest import resize_nearest
from mmlangseg.semires.candidates import CandidateCache, Candidates
from mmlangseg.semires.datasets import (find_refs_file, read_instances,
                                        read_refs, select_split)
from mmlangseg.semires.refiners import IOM
from mmlangseg.visualization.overlay import mask_iou

RECALL = (0.5, 0.75, 0.9)
# share of the image that an object covers, up to
SIZES = {'below 3 %': 0.03, '3 to 10 %': 0.1, 'above 10 %': 1.}


class Object(NamedTuple):
    """An object that a sentence refers to.

    Attributes:
        ref_id (int): Of the sentence.
        mask (np.ndarray): True mask at the size of the candidates, bool.
        candidates (dict[str, Candidates]): Those of its image, by cache.
    """

    ref_id: int
    image_id: int
    mask: np.ndarray
    candidates: dict[str, Candidates]


def open_caches(words: list[str]) -> dict[str, CandidateCache]:
    """Caches by name, all of one size."""
    caches = {}
    for word in words:
        name, equals, folder = word.partition('=')
        if not (name and equals):
            raise ValueError(f'--cache {word} is not NAME=DIR')
        caches[name] = CandidateCache(folder)
    sizes = {name: cache.size for name, cache in caches.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f'the caches have masks of different sizes: {sizes}')
    return caches


def read_objects(args: argparse.Namespace,
                 caches: dict[str, CandidateCache]) -> Iterator[Object]:
    """Give the objects whose images have candidates in all caches."""
    path = find_refs_file(args.annotations, args.split_by)
    refs = read_refs(path)
    if args.split:
        refs = select_split(refs, args.split, path)
    refs = [ref for ref in refs if ref['ann_ids']]  # not "no target"
    images, outlines = read_instances(args.annotations / 'instances.json',
                                      refs)
    for ref in refs:
        image_id = ref['image_id']
        found = {name: cache.load(image_id) for name, cache in caches.items()}
        if None in found.values():
            continue
        size = images[image_id]['height'], images[image_id]['width']
        mask = np.zeros(size, np.uint8)
        for ann_id in ref['ann_ids']:
            mask |= decode_segmentation(outlines[ann_id], *size, 'union')
        mask = resize_nearest(mask, next(iter(caches.values())).size) > 0
        if mask.any():  # nothing of a very small object may be left
            yield Object(ref['ref_id'], image_id, mask, found)


def best_iou(mask: np.ndarray, candidates: Candidates, band: int) -> float:
    """Largest IoU of a candidate with the true mask, 0 without any.

    Args:
        mask: True mask, bool (H, W).
        candidates: Of the same size.
        band: Pixels as close as this to the outline do not count.
    """
    if not len(candidates):
        return 0.
    if not band:
        return float(IOM.scores(mask, candidates).max())
    kernel = np.ones([2 * band + 1] * 2, np.uint8)
    inner = cv2.erode(mask.view(np.uint8), kernel, borderValue=1)
    outer = cv2.dilate(mask.view(np.uint8), kernel)
    counts = inner == outer
    if not (mask & counts).any():
        return 0.
    # areas without the band, too
    inter = candidates.intersections(mask & counts)
    areas = candidates.intersections(counts)
    return float((inter / (areas + (mask & counts).sum() - inter)).max())


def coverage(objects: list[Object], name: str, band: int) -> dict[str, float]:
    """How well the best candidates of a cache cover the objects, and how
    many there are."""
    best = np.array([best_iou(o.mask, o.candidates[name], band)
                     for o in objects])  # yapf: disable
    share = np.array([o.mask.mean() for o in objects])
    numbers = {o.image_id: len(o.candidates[name]) for o in objects}
    row = {'masks per image': float(np.mean(list(numbers.values())))}
    row['best IoU'] = 100 * float(best.mean())
    for recall in RECALL:
        row[f'IoU >= {recall}'] = 100 * float((best >= recall).mean())
    least = 0.
    for title, most in SIZES.items():
        chosen = best[(share > least) & (share <= most)]
        least = most
        key = f'{title} of the image ({len(chosen)})'
        row[key] = 100 * float(chosen.mean()) if len(chosen) else float('nan')
    return row


def refinement(objects: list[Object], name: str, refiner,
               seeds: int) -> dict[str, dict[str, float]]:
    """Mean IoU of noised masks before and after a refiner, by noise."""
    rows = {}
    for noise, damage in NOISE.items():
        gains = []
        for seed in range(seeds):
            values = []
            for o in objects:
                rng = np.random.default_rng([seed, o.ref_id])
                noisy = damage(o.mask, rng)
                refined = refiner(noisy, o.candidates[name])
                values.append(
                    (mask_iou(noisy,
                              o.mask), mask_iou(refined.mask,
                                                o.mask), refined.matched))
            gains.append(100 * np.mean(values, 0, dtype=float))
        before, after, matched = np.mean(gains, 0)
        spread = np.std([g[1] - g[0] for g in gains], ddof=len(gains) > 1)
        rows[noise] = dict(
            matched=matched,
            before=before,
            after=after,
            gain=after - before,
            spread=float(spread))
    return rows


def print_table(first: str, rows: dict[str, dict[str, float]]) -> None:
    """A table of Markdown."""
    cells = [[first, *next(iter(rows.values()))]]
    for name, row in rows.items():
        cells.append([name, *(f'{value:.1f}' for value in row.values())])
    print(f'\n{format_rows(cells, markdown=True)}')


def main() -> None:
    args = parse_args()
    try:
        refiners = {
            ' '.join(words): MODELS.build(read_refiner(words))
            for words in args.refiner
        }
        caches = open_caches(args.cache)
        objects = list(read_objects(args, caches))
        if not objects:
            raise ValueError('no object has an image with candidates in '
                             'every --cache')
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f'error: {error}')
    images = len({o.image_id for o in objects})
    print(f'{len(objects)} objects of {images} images, in percent')
    found: dict = dict(objects=len(objects), images=images)
    for band in args.band:
        title = f'without {band} px at outlines' if band else 'candidates'
        found[title] = {name: coverage(objects, name, band) for name in caches}
        print_table(title, found[title])
    for text, refiner in refiners.items():
        for name in caches:
            title = f'{text}, {name}'
            found[title] = refinement(objects, name, refiner, args.seeds)
            print_table(title, found[title])
    if args.out:
        write_json(args.out, found)


if __name__ == '__main__':
    main()
