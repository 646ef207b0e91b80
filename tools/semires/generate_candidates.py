"""Make the mask candidates that SemiRES refines pseudo-labels with.

Examples:
    python tools/semires/generate_candidates.py data/candidates/refcoco \
        --annotations data/coco/refcoco --split-by unc --split train \
        --images data/coco/train2014 --source segment-anything \
        --source-options checkpoint=sam_vit_h_4b8939.pth
    python tools/semires/generate_candidates.py data/candidates/mine \
        --images my_photos --source regions
    python tools/semires/generate_candidates.py data/candidates/mine \
        --images my_photos --source onnx-sam --source-options \
        encoder=sam/encoder.onnx decoder=sam/decoder.onnx points_per_side=16
    python tools/semires/generate_candidates.py data/candidates/mine \
        --images my_photos --inspect my_photos/12.jpg

Images that have candidates are left alone, so that an interrupted run goes on
when it is started again. Several processes share the work when they are
started by torchrun or srun, or with --num-shards and --shard.
"""
from __future__ import annotations
import argparse
import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import CfgOptions
from mmlangseg.cli.help_formatter import DefaultsHelpFormatter
from mmlangseg.cli.shards import (add_shards, check_shards, make_missing,
                                  report_failures)

# of this package; named here, as importing them takes seconds
SOURCES = ('huggingface', 'onnx-sam', 'prompted', 'regions',
           'segment-anything')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add('cache', type=Path, help='folder to write')
    add('--images', type=Path, help='folder of the images')
    add('--annotations',
        type=Path,
        help='folder with instances.json and refs of a data set; without it '
        'all of --images, whose names must end in their ids: the numbers '
        'that a data set has for them')
    add('--split-by', default='unc', help='who made the splits: unc, umd, ...')
    add('--split', help='of the annotations; all of them without it')
    add('--dataset', help='name for the header; that of the folder if left')
    add('--size',
        type=int,
        nargs=2,
        default=[480, 480],
        metavar=('H', 'W'),
        help='of the masks: that of the training images')
    add('--resize',
        choices=['center', 'corner'],
        help='which pixel of a mask is the nearest at another size: center, '
        'as for true masks, or corner, as in the released code; center if '
        'left, but corner for --import-released')
    add('--ignore-orientation',
        action='store_true',
        help='leave images as they are stored, whatever their EXIF data say; '
        'for a config whose LoadImage does that')
    add('--source',
        default='regions',
        help=f'what proposes the masks: {", ".join(SOURCES)}, or a class of '
        'your own that --custom-imports registers')
    add('--custom-imports',
        nargs='+',
        default=[],
        metavar='MODULE',
        help='Python modules to import before, as custom_imports of a config')
    add('--source-options',
        nargs='+',
        action=CfgOptions,
        default={},
        metavar='KEY=VALUE',
        help='its arguments, such as checkpoint=FILE or points_per_side=16')
    add('--import-released',
        type=Path,
        metavar='DIR',
        help='read <ref_id>.json of the released code, in place of --source')
    add('--inspect',
        type=Path,
        metavar='IMAGE',
        help='draw the candidates of this image (those of the cache if it '
        'has them), and write nothing else')
    add('--out',
        type=Path,
        help='of --inspect; CACHE_pictures/IMAGE.png if left')
    add('--device', help='of the source; a GPU if there is one')
    add_shards(parser)
    args = parser.parse_args()
    if args.resize is None:
        args.resize = 'corner' if args.import_released else 'center'
    check_shards(parser, args)
    if args.import_released and not args.annotations:
        parser.error('--import-released needs --annotations, which say what '
                     'image a ref_id belongs to')
    if not (args.images or args.import_released or args.inspect):
        parser.error('--images is missing')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import numpy as np
from mmengine.utils import import_modules_from_strings

from mmlangseg.cli.sharding import exit_code
from mmlangseg.cpu.memory import keep_freed_memory
from mmlangseg.engine.local_device import local_device
from mmlangseg.io.folder_files import list_files
from mmlangseg.io.hub import why_not_loaded
from mmlangseg.io.images import SUFFIXES, read_image
from mmlangseg.semires.candidates import (CANDIDATE_SOURCES, CandidateCache,
                                          Candidates, draw_candidates,
                                          read_released)
from mmlangseg.semires.datasets import (find_images, find_refs_file,
                                        number_of_name, read_instances,
                                        read_refs, select_split)
from mmlangseg.visualization import write_png

_OF_TRANSFORMERS = ('huggingface', 'prompted')  # sources
MAX_DIGITS = 18  # of an id in a file of the cache


def list_images(
    args: argparse.Namespace
) -> tuple[dict[int, Path], dict[Path, tuple[int, int]]]:
    """Path of every image by id, and of those that are annotated height and
    width by path."""
    if args.annotations is None:
        return list_folder(args.images), {}
    refs = read_annotated(args)
    # outlines are not needed here
    refs = [dict(ref, ann_ids=[]) for ref in refs]
    images, _ = read_instances(args.annotations / 'instances.json', refs)
    names = {img_id: row['file_name'] for img_id, row in images.items()}
    paths = find_images(args.images, names.values())
    jobs = {img_id: Path(paths[name]) for img_id, name in names.items()}
    sizes = {
        jobs[img_id]: (row['height'], row['width'])
        for img_id, row in images.items()
    }
    return jobs, sizes


def load_image(path: Path, args: argparse.Namespace,
               size: tuple[int, int] | None) -> np.ndarray:
    """The pixels of a file, which must have the annotated size."""
    image = read_image(path, ignore_orientation=args.ignore_orientation)
    if size not in (None, image.shape[:2]):
        raise ValueError(
            f'the image has {image.shape[:2]} pixels (height, width), but its '
            f'entry in instances.json says {size}. Correct the entry; or, if '
            'that is its size before it is turned as EXIF says, give '
            '--ignore-orientation, and the same to LoadImage of the config')
    return image


def list_folder(folder: Path) -> dict[int, Path]:
    """Images of a folder, by the number at the end of their names."""
    images: dict[int, Path] = {}
    faults = []
    for path in list_files(folder, SUFFIXES):
        digits = number_of_name(path)
        if not digits:
            faults.append(f'{path.name} has no number at its end')
        elif len(digits) > MAX_DIGITS:
            faults.append(f'the number of {path.name} is too large')
        elif int(digits) in images:
            faults.append(f'{path.name} has the number of '
                          f'{images[int(digits)].name}')
        else:
            images[int(digits)] = path
    if faults or not images:
        raise ValueError(
            f'{folder}: {"; ".join(faults[:5]) or "there is no image"}. '
            'Rename the images, or name --annotations')
    return images


def list_released(args: argparse.Namespace) -> dict[int, Path]:
    """First released file of every image that has one."""
    files: dict[int, Path] = {}
    for ref in read_annotated(args):
        path = args.import_released / f'{ref["ref_id"]}.json'
        if ref['image_id'] not in files and path.is_file():
            files[ref['image_id']] = path
    if not files:
        raise ValueError(f'{args.import_released} has no <ref_id>.json of '
                         f'the refs in {args.annotations}')
    return files


def read_annotated(args: argparse.Namespace) -> list[dict]:
    path = find_refs_file(args.annotations, args.split_by)
    refs = read_refs(path)
    return select_split(refs, args.split, path) if args.split else refs


def build_source(args: argparse.Namespace):
    """The source named on the command line, on this process's device."""
    if args.custom_imports:
        import_modules_from_strings(args.custom_imports)
    source = CANDIDATE_SOURCES.get(args.source)
    if source is None:
        raise ValueError(
            f'--source {args.source} is none of '
            f'{", ".join(sorted(CANDIDATE_SOURCES.module_dict))}; one of your '
            'own is registered by a module in --custom-imports')
    options = dict(args.source_options)
    parameters = inspect.signature(source).parameters
    unknown = set(options) - set(parameters)
    if unknown:
        raise ValueError(f'--source {args.source} has no option '
                         f'{sorted(unknown)}, but {list(parameters)}')
    wanted = [
        name for name, parameter in parameters.items()
        if parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    missing = [n for n in wanted if n not in options and n != 'device']
    if missing:
        raise ValueError(f'--source {args.source} needs --source-options ' +
                         ' '.join(f'{name}=...' for name in missing))
    model = options.get('model')
    if args.source in _OF_TRANSFORMERS and isinstance(model, str):
        reason = why_not_loaded(model)
        if reason:
            raise ValueError(
                f'--source-options model={model} is no folder, and {reason}; '
                'download it elsewhere and give its folder')
    if 'device' in parameters and 'device' not in options:
        options['device'] = args.device or local_device()
    return CANDIDATE_SOURCES.build(dict(type=args.source, **options))


def draw(args: argparse.Namespace) -> None:
    """Draw the candidates of one image."""
    candidates, origin, stored = None, '', args.ignore_orientation
    if args.images and (args.cache / 'header.json').is_file():
        chosen = args.inspect.resolve()
        for img_id, path in list_images(args)[0].items():
            if path.resolve() == chosen:
                cache = CandidateCache(args.cache)
                candidates, origin = cache.load(img_id), f'from {args.cache}'
                stored |= bool(
                    cache.header['generator'].get('ignore_orientation'))
    image = read_image(args.inspect, ignore_orientation=stored)
    if candidates is None:
        candidates, origin = build_source(args)(image), f'by {args.source}'
    out = args.out or Path(f'{args.cache}_pictures',
                           f'{args.inspect.stem}.png')
    write_png(out, draw_candidates(image, candidates.resized(image.shape[:2])))
    print(f'{len(candidates)} candidates {origin}: {out}')


def main() -> None:
    args = parse_args()
    keep_freed_memory()  # sources in PyTorch want the same again per image
    try:
        if args.inspect:
            draw(args)
            return
        if args.import_released:
            jobs, make = list_released(args), read_released
            generator: dict = dict(name='released', parameters={})
        else:
            (jobs, sizes), source = list_images(args), build_source(args)
            generator = dict(name=args.source, parameters=source.parameters)
            if args.ignore_orientation:
                generator['ignore_orientation'] = True

            def make(path: Path) -> Candidates:
                return source(load_image(path, args, sizes.get(path)))

        name = (args.annotations or args.images).resolve().name
        cache = CandidateCache.create(
            args.cache,
            dict(
                dataset=args.dataset or name,
                size=args.size,
                resize=args.resize,
                ids='annotations' if args.annotations else 'names',
                generator=generator))
    except (OSError, ValueError, ImportError) as error:
        sys.exit(f'error: {error}')

    def save(img_id: int) -> None:
        candidates = make(jobs[img_id])
        cache.save(img_id, candidates.resized(cache.size, args.resize))

    names = {i: f'{path} (image {i})' for i, path in jobs.items()}
    failures = make_missing(args, names, 'candidates', cache.__contains__,
                            save)
    report_failures(failures)
    # other processes may not be ready yet, or have stopped
    count = sum(img_id in cache for img_id in jobs)
    print(f'{args.cache} has candidates of {count} of {len(jobs)} images')
    sys.exit(exit_code(bool(failures)))


if __name__ == '__main__':
    main()
