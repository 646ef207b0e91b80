r"""Check ImageNet-S and write the names of its classes.

Example:
    python tools/dataset_converters/imagenet_s.py \
        data/ImageNetS/ImageNetS50 --names data/LOC_synset_mapping.txt

``ImageNetS50``, ``ImageNetS300`` or ``ImageNetS919`` is what the data set's
own scripts make. Its label maps are read as they are; this writes
``classes.txt`` beside them, with id, name and synonyms, and checks that every
image has a label map of its size, with ids that exist.

The names come from ImageNet's list of synsets, with lines ``n01440764 tench,
Tinca tinca``: ``LOC_synset_mapping.txt`` on Kaggle, ``synset_words.txt`` in
Caffe. ImageNet-S numbers its synsets in alphabetical order.
"""
from __future__ import annotations
import argparse
import re
import sys
from collections import Counter
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
    parser.add_argument('root', type=Path, help='folder with validation/')
    parser.add_argument(
        '--names',
        type=Path,
        required=True,
        help='lines "synset name, synonym" of all synsets of the data set')
    parser.add_argument(
        '--categories',
        type=Path,
        help='list of the synsets, by default the folders of '
        'validation-segmentation')
    parser.add_argument(
        '--splits',
        nargs='+',
        default=['validation'],
        help='splits to check, by default validation')
    add_workers(parser)
    return parser.parse_args(argv)


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

import numpy as np
from PIL import Image

from mmlangseg.io.files import read_text
from mmlangseg.sseg.vocabulary import ClassNames, write_class_names

SIZES = (50, 300, 919)
OTHER, IGNORED = 0, 1000
# ImageNet calls both "crane" and gives no synonym
CRANES = dict(n02012849='crane bird', n03126707='construction crane')

# What ImageNet-S-919 merges, and into what: README of LUSSeg/ImageNet-S
MERGED = dict(
    n04356056='n04355933',  # sunglasses
    n04493381='n02808440',  # tub into bathtub
    n03642806='n03832673',  # laptop into notebook
    n04008634='n03773504',  # projectile into missile
    n03887697='n15075141')  # paper towel into toilet tissue


def find_synsets(root: Path, categories: Path | None) -> list[str]:
    """The synsets of the data set in the order of their ids."""
    if categories is not None:
        synsets = sorted(read_text(categories).split())
        if not synsets or len(set(synsets)) != len(synsets):
            raise ValueError(f'{categories} has no synset, or one twice')
        return synsets
    folder = root / 'validation-segmentation'
    if not folder.is_dir():
        raise ValueError(f'{folder} is missing. Name the folder ImageNetS50, '
                         'ImageNetS300 or ImageNetS919 of ImageNet-S')
    synsets = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if len(synsets) not in SIZES:
        raise ValueError(
            f'{folder} has {len(synsets)} folders, not 50, 300 or 919. Where '
            'some are missing, give the list of the data set: --categories '
            'ImageNetS_categories_im50.txt')
    return synsets


def read_synset_names(path: Path) -> dict[str, tuple[str, ...]]:
    """Read names and synonyms of synsets."""
    names = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        match = re.fullmatch(r'\s*(n\d+)[\s,]+(.*\S)\s*', line)
        if match:
            words = match[2].replace(';', ',').split(',')
            names[match[1]] = tuple(
                dict.fromkeys(w.strip() for w in words if w.strip()))
        elif line.strip():
            raise ValueError(f'{path}, line {number}: {line[:60]!r} is not '
                             '"n01440764 name, synonym"')
    return names


def add_merged(
        names: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Names with those of the synsets that are merged behind them."""
    names = dict(names)
    for source, target in MERGED.items():
        if target in names:
            words = (*names[target], *names.get(source, ()))
            names[target] = tuple(dict.fromkeys(words))
    return names


def choose_names(synsets: Sequence[str], names: dict[str, tuple[str, ...]],
                 path: Path) -> ClassNames:
    """Names of the classes, first of each one that no other has.

    Where two have the same first name (Cardigan, the dog, and cardigan), one
    that has a synonym is called by it and no longer by that name. A class of
    the 919 into which others are merged has their names as well.
    """
    if len(synsets) == max(SIZES):
        names = add_merged(names)
    absent = [synset for synset in synsets if not names.get(synset)]
    if absent:
        raise ValueError(f'{path} lacks {len(absent)} of {len(synsets)} '
                         f'synsets, the first is {absent[0]}')
    chosen = [(CRANES[s], ) if s in CRANES else names[s] for s in synsets]
    count = Counter(words[0].casefold() for words in chosen)
    taken = set(count)
    for index, words in enumerate(chosen):
        first = words[0].casefold()
        free = [w for w in words[1:] if w.casefold() not in taken]
        if count[first] > 1 and free:
            count[first] -= 1
            taken.add(free[0].casefold())
            others = [w for w in words[1:] if w != free[0]]
            chosen[index] = (free[0], *others)
    return ClassNames(tuple(chosen), background=True)


def check_sample(image: Path, labels: Path, num_classes: int) -> None:
    """Check the label map of one image, which no EXIF data turn."""
    with Image.open(image) as file:
        size = file.size
    try:
        with Image.open(labels) as file:
            mode, values = file.mode, np.array(file)
    except FileNotFoundError:
        raise ValueError(f'{labels} is missing') from None
    except (OSError, SyntaxError) as error:
        raise ValueError(f'{labels} is damaged: {error}') from None
    if mode != 'RGB':
        raise ValueError(f'{labels} has mode {mode}, not RGB')
    if values.shape[1::-1] != size:
        raise ValueError(f'{labels} has {values.shape[1::-1]} pixels, but the '
                         f'image {size} (width, height)')
    ids = np.unique(values @ np.array([1, 256, 65536]))
    wrong = ids[(ids > num_classes) & (ids != IGNORED)]
    if len(wrong):
        raise ValueError(f'{labels} has ids {wrong[:5]}, but there are '
                         f'{num_classes} classes')


def sample_jobs(root: Path, split: str, num_classes: int) -> dict:
    """The images of a split."""
    folder = root / split
    images = sorted(folder.glob('*/*.JPEG'))
    if not images:
        raise ValueError(f'{folder} has no images n01443537/*.JPEG')
    jobs = {}
    for image in images:
        labels = root / f'{split}-segmentation' / image.relative_to(folder)
        jobs[str(image)] = image, labels.with_suffix('.png'), num_classes
    return jobs


def main(argv: list[str] | None = None) -> int:
    """Check the data set; returns the exit status."""
    args = parse_args(argv)
    failures = []
    try:
        synsets = find_synsets(args.root, args.categories)
        names = choose_names(synsets, read_synset_names(args.names),
                             args.names)
        for split in args.splits:
            jobs = sample_jobs(args.root, split, len(synsets))
            print(f'checking {len(jobs)} images of {split}')
            failures += run_jobs(check_sample, jobs, args.workers)
        path = args.root / 'classes.txt'
        write_class_names(path, names)
        print(f'wrote {path}: {len(synsets)} classes')
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return report(
        failures, 'The names were written; make these files again with the '
        "data set's scripts")


if __name__ == '__main__':
    sys.exit(main())
