"""Label training images with S-Seg: the first step of self-training (S-Seg+).

Examples:
    python tools/sseg/label_images.py configs/sseg_swin-s_voc21.py
        epoch_30.pth data/VOCdevkit/VOC2012/JPEGImages
        data/VOCdevkit/VOC2012/sseg_labels
        --list data/VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt
    python tools/sseg/label_images.py configs/sseg_swin-s_cc12m.py
        epoch_30.pth my_photos my_labels --classes "cat,dog,grass"
        --threshold 0.6 --min-confidence 0.7
    python tools/sseg/label_images.py facebook/sam3 my_photos my_labels
        --classes "cat,dog,grass" --threshold 0.5

Of <images>/a/b.jpg the labels are <labels>/a/b.png: 0 for background, i for
the i-th class of <labels>/classes.txt, 255 to be ignored; of more than 254
classes 16-bit files with 65535 to be ignored. So they fit ClassFileDataset and
the data sets of the benchmarks in whose own maps 0 is no class or background;
in those of Cityscapes, COCO-Stuff, ADE-847 and PC-459 it is the first class. A
data set reads images of one ending: .jpg, or its img_suffix. Of a folder with
several endings choose one by --img-suffix.

Images that have labels are left alone, so that an interrupted run goes on when
it is started again. Several processes share the work when they are started by
torchrun or srun, or with --num-shards and --shard.
"""
from __future__ import annotations
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.apis.probability import parse_probability
from mmlangseg.cli.command_line import check_model
from mmlangseg.cli.help_formatter import DefaultsHelpFormatter
from mmlangseg.cli.shards import (add_shards, check_shards, make_missing,
                                  report_failures)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add('config',
        metavar='MODEL',
        help='config of S-Seg or of a public model; or a model folder, or the '
        'name of a model on the hub')
    add('checkpoint',
        nargs='?',
        help='checkpoint file, which only configs of S-Seg need')
    add('images', type=Path, help='folder of the images')
    add('labels', type=Path, help='folder to write')
    add('--list',
        type=Path,
        metavar='FILE',
        help='names of the images to label, one per line; all of the folder '
        'and its subfolders without it')
    add('--img-suffix',
        help='ending of the images to label, as data sets know it: B.JPG does '
        'not end in .jpg; names in --list may come without it (.jpg if left)')
    add('--classes',
        metavar='NAMES',
        help='"cat,dog,grass", a file with one name per line, or a benchmark '
        'such as voc21; those of the config without it')
    add('--threshold',
        type=parse_probability,
        help='what no class has this probability of is background; as the '
        'config says without it')
    add('--min-confidence',
        type=parse_probability,
        default=0.,
        help='pixels of a class with less than this probability are ignored')
    add('--device', help='a GPU if there is one')
    add_shards(parser)
    args = parser.parse_args()
    check_shards(parser, args)
    check_model(parser, args)
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import numpy as np

from mmlangseg.apis import SemanticResult, SSegInferencer
from mmlangseg.cli.label_header import describe_model, with_later
from mmlangseg.cli.sharding import exit_code
from mmlangseg.engine.local_device import local_device
from mmlangseg.engine.model_source import open_model
from mmlangseg.io.annotations import load_json
from mmlangseg.io.files import read_text, resolve_inside, write_json
from mmlangseg.io.folder_files import list_files
from mmlangseg.io.images import SUFFIXES
from mmlangseg.sseg.datasets import WIDE_IGNORE_INDEX
from mmlangseg.sseg.vocabulary import ClassNames, Vocabulary, write_class_names
from mmlangseg.visualization import write_png


def list_images(args: argparse.Namespace) -> dict[Path, Path]:
    """File of the labels of every image, to the image."""
    if not args.images.is_dir():
        raise FileNotFoundError(f'folder {args.images} does not exist')
    if args.list is None:
        names = [
            p.relative_to(args.images).as_posix()
            for p in list_files(args.images, SUFFIXES, deep=True)
        ]
        if args.img_suffix:
            chosen = [n for n in names if n.endswith(args.img_suffix)]
            if len(chosen) < len(names):
                print(f'{len(names) - len(chosen)} images that do not end in '
                      f'{args.img_suffix} are left out')
            names = chosen
    else:
        lines = read_text(args.list).splitlines()
        names = [line.strip() for line in lines if line.strip()]
        names = [
            name if Path(name).suffix.lower() in SUFFIXES else name +
            (args.img_suffix or '.jpg') for name in names
        ]
    if not names:
        raise ValueError(f'{args.list or args.images} has no image' + (
            f' that ends in {args.img_suffix}' if args.img_suffix else ''))
    jobs: dict[Path, Path] = {}
    for name in names:
        try:
            image = Path(resolve_inside(args.images, name))
        except ValueError as error:
            raise ValueError(f'{args.list}: {error}') from None
        labels = (args.labels / name).with_suffix('.png')
        if jobs.setdefault(labels, image) != image:
            raise ValueError(f'{image} and {jobs[labels]} would have the same '
                             f'labels {labels}: rename one')
    if set(jobs) & set(jobs.values()):
        raise ValueError(
            f'the labels would replace the images in {args.images}'
            ': name another folder')
    check_endings(args, names)
    return jobs


def check_endings(args: argparse.Namespace, names: list[str]) -> None:
    """Refuse a folder of which a data set would read a part only."""
    endings: dict[str, list[str]] = {}
    for name in names:
        endings.setdefault(Path(name).suffix, []).append(name)
    if len(endings) > 1 and args.list is None:
        found = ', '.join(f'{len(names)} in {ending} ({names[0]})'
                          for ending, names in sorted(endings.items()))
        raise ValueError(
            f'the images in {args.images} end differently: {found}. The data '
            'set that trains on the labels reads one ending and leaves the '
            'others out. Choose it by --img-suffix, or rename the images')
    if set(endings) != {'.jpg'}:
        print(f'images end in {", ".join(sorted(endings))}: train on them '
              "with the data set's img_suffix")


def asked_of(vocabulary: Vocabulary) -> dict:
    """What labels depend on besides the names of the classes."""
    return dict(
        prompt_names=[list(names) for names in vocabulary.prompt_names],
        templates=list(vocabulary.templates),
        synonyms=vocabulary.synonyms)


class LabelWriter:
    """Writes label maps of one vocabulary to a folder.

    Args:
        folder: Made if missing. One that has other labels is refused.
        classes: Their names, without the background.
        background: Whether there is one.
        min_confidence: See ``--min-confidence``.
        origin: What the labels come from, for the header.
    """

    def __init__(self, folder: Path, classes: tuple[str,
                                                    ...], background: bool,
                 min_confidence: float, origin: dict) -> None:
        self.background = background
        self.min_confidence = min_confidence
        wide = len(classes) > 254
        self.dtype = np.uint16 if wide else np.uint8
        self.ignore_index = WIDE_IGNORE_INDEX if wide else 255
        header = dict(
            origin,
            classes=list(classes),
            background=background,
            min_confidence=min_confidence,
            ignore_index=self.ignore_index)
        path = folder / 'labels.json'
        if path.is_file():
            old = load_json(path)
            if not isinstance(old, dict):
                raise ValueError(f'{path} is not the header of label maps. '
                                 'Delete the folder, or name another one')
            old = with_later(path, old, header)
            differing = [k for k in header if header[k] != old.get(k)]
            if differing:
                raise ValueError(
                    f'{folder} has labels that were made with other '
                    f'{", ".join(differing)} (see labels.json): name another '
                    'folder, or delete this one')
        else:
            names = tuple((name, ) for name in classes)
            write_class_names(folder / 'classes.txt',
                              ClassNames(names, background))
            write_json(path, header, indent=1)

    def __call__(self, path: Path, result: SemanticResult) -> None:
        """Write the labels of an image, atomically."""
        labels = result.labels + (0 if self.background else 1)
        unsure = (labels > 0) & (result.confidence < self.min_confidence)
        labels[unsure] = self.ignore_index
        write_png(path, labels.astype(self.dtype))


def main() -> None:
    args = parse_args()
    device = args.device or local_device()
    try:
        jobs = list_images(args)
        config, checkpoint = open_model(
            args.config, args.checkpoint or ..., takes='classes')
        inferencer = SSegInferencer(config, checkpoint, device)
        inferencer.choose(args.classes, args.threshold)
        model = inferencer.model
        writer = LabelWriter(
            args.labels,
            model.vocabulary.classes,
            model.vocabulary.background,
            args.min_confidence,
            origin=dict(
                **describe_model(config, checkpoint),
                threshold=model.background_threshold
                if model.vocabulary.background else None,
                # what the model was asked, of which `classes` are the names
                **asked_of(model.vocabulary)))
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
    if not model.vocabulary.background:
        print('the classes are 1, 2, ...: train on them with ClassFileDataset '
              'or a data set that ignores 0 in its maps, not with one whose '
              'first class is 0, such as Cityscapes')
    warning = model.describe_unknown_classes()
    if warning:
        print(f'warning: {warning}', file=sys.stderr, flush=True)

    def label(path: Path) -> None:
        result = inferencer(
            jobs[path], classes=model.vocabulary, threshold=args.threshold)
        writer(path, result)

    names = {path: str(image) for path, image in jobs.items()}
    failures = make_missing(args, names, 'labels', Path.is_file, label)
    report_failures(failures)
    sys.exit(exit_code(bool(failures)))


if __name__ == '__main__':
    main()
