"""Make the pseudo-masks of a training set once, for LoadPseudoMasks.

Examples:
    python tools/sseg/generate_pseudo_masks.py configs/sseg_swin-s_cc12m.py \
        data/pseudo_masks/cc12m
    python tools/sseg/generate_pseudo_masks.py configs/sseg/toy/sseg_toy.py \
        data/pseudo_masks/toy --size 64 64 \
        --cfg-options model.pseudo_mask_generator.num_clusters=6
    python tools/sseg/generate_pseudo_masks.py configs/sseg/toy/sseg_toy.py \
        data/pseudo_masks/toy --inspect 17

The images are those of the config's train_dataloader, each once and whole.
The generator is the config's pseudo_mask_generator, else the one of its
model. Files of the cache that are there are left alone, so that an
interrupted run goes on when it is started again. Several processes share the
work when they are started by torchrun or srun, or with --num-shards and
--shard.
"""
from __future__ import annotations
import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.config_path import check_config
from mmlangseg.cli.help_formatter import DefaultsHelpFormatter
from mmlangseg.cli.shards import (add_shards, check_shards, report_failures,
                                  start_shard)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add('config', help='of a training')
    add('cache', type=Path, help='folder to write')
    add('--dataset', help='name for the header; that of the config if left')
    add('--size',
        type=int,
        nargs=2,
        default=[224, 224],
        metavar=('H', 'W'),
        help='of the images for the generator')
    add('--batch-size', type=int, default=32, help='images at a time')
    add('--workers', type=int, default=2, help='processes that read images')
    add('--shard-size',
        type=int,
        help='samples per file; by default so that there are about 256 files '
        'of 16 to 4096')
    add_cfg_options(parser)
    add('--inspect',
        metavar='IMAGE',
        help='draw the pseudo-masks of this image, a file or the number of a '
        'sample (those of the cache if it has them), and write nothing else')
    add('--out',
        type=Path,
        help='of --inspect; CACHE_pictures/IMAGE.png if left')
    add('--device', help='of the generator; a GPU if there is one')
    add_shards(parser)
    args = parser.parse_args()
    args.config = check_config(parser, args.config)
    check_shards(parser, args)
    if min(*args.size, args.batch_size, args.shard_size or 1) < 1 \
            or args.workers < 0:
        parser.error('sizes must be positive')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.utils import import_modules_from_strings
from mmseg.registry import MODELS, TRANSFORMS
from torch.utils.data import DataLoader, Dataset

from mmlangseg.cli.config_keys import read_config
from mmlangseg.cli.sharding import exit_code
from mmlangseg.cpu.memory import keep_freed_memory
from mmlangseg.engine.local_device import local_device
from mmlangseg.io.files import write_text
from mmlangseg.io.images import read_image
from mmlangseg.io.load_image import ignores_orientation
from mmlangseg.sseg.pseudo_masks import (DINOFeatures, PseudoMaskCache,
                                         find_generator_config, stretch_image)
from mmlangseg.sseg.pseudo_masks.whole_images import (WholeImage, WholeImages,
                                                      build_whole_images,
                                                      image_loaders)
from mmlangseg.sseg.visualization import draw_labels
from mmlangseg.visualization import write_png


def prepare_config(args: argparse.Namespace) -> Config:
    """The config, with what it imports imported."""
    cfg = read_config(
        args.config, args.cfg_options, also_read=['pseudo_mask_generator'])
    if cfg.get('custom_imports'):
        import_modules_from_strings(**cfg.custom_imports)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    return cfg


class Generator:
    """Label maps of stretched images."""

    def __init__(self, config: dict, device: str | None) -> None:
        self.device = torch.device(device or local_device())
        self.model = MODELS.build(config).to(self.device).eval()

    def __call__(self, images: list[WholeImage]) -> np.ndarray:
        """Uint8 (B, h, w) of images that have pixels."""
        bgr = np.stack([image.pixels for image in images])
        rgb = torch.from_numpy(bgr).to(self.device).flip(3)
        seeds = [image.sample_id for image in images]
        maps = self.model.grid(rgb.permute(0, 3, 1, 2).float(), seeds=seeds)
        return maps.to('cpu', torch.uint8).numpy()

    def digests(self) -> dict[str, dict[str, str]]:
        """Of the files that the maps depend on."""
        for module in self.model.modules():
            if isinstance(module, DINOFeatures):
                return module.digests()
        return {}


def open_cache(args: argparse.Namespace, config: dict, dataset: BaseDataset,
               generator: Generator) -> PseudoMaskCache:
    """Make the cache, or open it to go on."""
    blank = np.zeros((*args.size, 3), np.uint8)
    grid = generator([WholeImage(0, '', blank, '')])[0].shape
    count, shard_size = len(dataset), args.shard_size
    if shard_size is None:
        shard_size = min(4096, max(16, -(-count // 256)))
    origin = dict(
        config=config,
        image_size=list(args.size),
        ignore_orientation=ignores_orientation(dataset.pipeline.transforms))
    origin.update(generator.digests())
    header = dict(
        dataset=args.dataset or Path(args.config).stem,
        num_samples=count,
        num_clusters=generator.model.num_clusters,
        grid=list(grid),
        shard_size=shard_size,
        generator=origin)
    if sizes := getattr(dataset, 'source_sizes', None):
        header['source_sizes'] = list(sizes)
    return PseudoMaskCache.create(args.cache, header)


def batches(cache: PseudoMaskCache, shards: list[int],
            batch_size: int) -> Iterator[list[int]]:
    """Samples that run at the same time; none crosses a shard."""
    for shard in shards:
        samples = cache.samples(shard)
        for first in range(0, len(samples), batch_size):
            yield list(samples[first:first + batch_size])


def run(args: argparse.Namespace, cache: PseudoMaskCache, dataset: Dataset,
        generator: Generator) -> list[str]:
    """Make the files of this process that are missing.

    Returns:
        list[str]: One line per failure, those of earlier runs included.

    Raises:
        OSError: An image could not be read though nothing is known to be
            wrong with it, or a file could not be written.
    """
    mine = range(args.shard, cache.num_shards, args.num_shards)
    todo = [shard for shard in mine if not cache.has_shard(shard)]
    total, left = (
        sum(len(cache.samples(shard)) for shard in shards)
        for shards in (mine, todo))
    loader = DataLoader(
        WholeImages(dataset, tuple(args.size)),
        batch_sampler=list(batches(cache, todo, args.batch_size)),
        num_workers=args.workers,
        collate_fn=list)
    failed, shard = [], iter(todo)
    entries: dict = {}
    current = next(shard, -1)
    progress = start_shard(args, total, left, 'pseudo-masks')
    for images in loader:
        for image in images:
            if image.passing:  # its shard would say that it has no masks
                raise OSError(
                    f'{image.fault}. The disk or the memory may be to blame, '
                    'so the image is not given up: start again when it can '
                    'be read, and what is done is kept. In the place of a '
                    'file that is gone for good put an empty one')
        good = [image for image in images if image.pixels is not None]
        if good:
            for image, labels in zip(good, generator(good)):
                entries[image.sample_id] = image.key, labels
        failed += [image.fault for image in images if image.pixels is None]
        if images[-1].sample_id == cache.samples(current)[-1]:
            failures_of(cache, current).unlink(missing_ok=True)
            if failed:
                write_text(failures_of(cache, current), '\n'.join(failed))
            cache.write_shard(current, entries)
            entries, failed, current = {}, [], next(shard, -1)
        progress.advance(len(images))
    return [
        line for shard in mine if failures_of(cache, shard).is_file()
        for line in failures_of(cache, shard).read_text().splitlines()
    ]


def failures_of(cache: PseudoMaskCache, shard: int) -> Path:
    """Where the failures of a shard are listed."""
    return cache.path(shard).with_suffix('.failed.txt')


def draw(args: argparse.Namespace, cfg: Config, config: dict) -> None:
    """Draw the pseudo-masks of one image."""
    if Path(args.inspect).is_file():
        # as in the training, if the config has one
        images = (cfg.get('train_dataloader') or {}).get('dataset', {})
        stored = ignores_orientation(
            map(TRANSFORMS.build, image_loaders(images)))
        bgr = read_image(args.inspect, ignore_orientation=stored)[..., ::-1]
        key, number, origin = args.inspect, 0, 'from the generator'
    elif args.inspect.isdigit():
        sample = build_whole_images(cfg)[int(args.inspect)]
        bgr, number = sample['img'], int(args.inspect)
        key = sample.get('key') or sample['img_path']
        origin = 'from the generator'
    else:
        raise ValueError(f'--inspect {args.inspect} is neither a file nor the '
                         'number of a sample')
    labels = None
    if args.inspect.isdigit() and (args.cache / 'header.json').is_file():
        cache = PseudoMaskCache(args.cache)
        if cache.has_shard(number // cache.header['shard_size']):
            labels, origin = cache.load(number, key), f'from {args.cache}'
    if labels is None:
        image = WholeImage(number, key, stretch_image(bgr, tuple(args.size)),
                           '')
        labels = Generator(config, args.device)([image])[0]
    out = args.out or Path(f'{args.cache}_pictures',
                           f'{Path(args.inspect).stem}.png')
    names = [f'mask {i}' for i in range(labels.max() + 1)]
    write_png(
        out,
        draw_labels(
            np.ascontiguousarray(bgr[..., ::-1]), [('image', None),
                                                   ('pseudo-masks', labels)],
            names, key, origin))
    print(f'{len(np.unique(labels))} pseudo-masks {origin}: {out}')


def main() -> None:
    args = parse_args()
    keep_freed_memory()
    try:
        cfg = prepare_config(args)
        config = find_generator_config(cfg)
        if args.inspect:
            draw(args, cfg, config)
            return
        dataset = build_whole_images(cfg)
        generator = Generator(config, args.device)
        cache = open_cache(args, config, dataset, generator)
    except (OSError, ValueError, ImportError, KeyError) as error:
        sys.exit(f'error: {error}')
    try:
        failures = run(args, cache, dataset, generator)
    except OSError as error:
        sys.exit(f'error: {error}')
    report_failures(failures, f'{cache.root}/shards/*.failed.txt')
    sys.exit(exit_code(bool(failures)))


if __name__ == '__main__':
    main()
