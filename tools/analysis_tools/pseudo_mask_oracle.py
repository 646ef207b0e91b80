"""How good pseudo-masks could be at best: the oracle of S-Seg's Table 1.

    python tools/analysis_tools/pseudo_mask_oracle.py \
        configs/sseg/toy/sseg_toy.py
    python tools/analysis_tools/pseudo_mask_oracle.py \
        configs/sseg/toy/sseg_toy.py --images photos \
        --labels label_maps --classes classes.txt \
        --sheet oracle.png --cfg-options model.pseudo_mask_generator.\
num_clusters=4

Every pseudo-mask gets the class that most of its pixels have in the ground
truth (ignored pixels do not count); that is scored as a segmentation. The
images are those of the config's test_dataloader, the generator is the
config's pseudo_mask_generator, else the one of its model.
"""
from __future__ import annotations
import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.config_path import check_config
from mmlangseg.cli.help_formatter import DefaultsHelpFormatter


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add('config', help='config file')
    add('--split',
        default='test',
        choices=['train', 'val', 'test'],
        help='which dataloader of the config; it must have label maps')
    add('--images', type=Path, help='folder of .jpg, in place of the config')
    add('--labels', type=Path, help='folder of .png, for --images')
    add('--classes', type=Path, help='their names, for --images')
    add('--size',
        type=int,
        nargs=2,
        default=[224, 224],
        metavar=('H', 'W'),
        help='of the images for the generator')
    add('--max-images', type=int, help='the first so many; all if left')
    add('--batch-size', type=int, default=16, help='images at a time')
    add('--seed', type=int, default=0, help='of K-means')
    add('--workers', type=int, default=2, help='processes that read images')
    add('--sheet', type=Path, help='picture to write')
    add('--sheet-images', type=int, default=10, help='on that, spread evenly')
    add('--device', help='of the generator; a GPU if there is one')
    add_cfg_options(parser)
    args = parser.parse_args()
    args.config = check_config(parser, args.config)
    given = [args.images, args.labels, args.classes]
    if any(given) and not all(given):
        parser.error('--images, --labels and --classes belong together')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.utils import import_modules_from_strings
from mmseg.registry import DATASETS, MODELS
from torch.utils.data import DataLoader, Dataset

from mmlangseg.cli.config_keys import read_config
from mmlangseg.cli.table import format_rows
from mmlangseg.cpu.memory import keep_freed_memory
from mmlangseg.engine.required_inputs import require_data
from mmlangseg.io.nearest import resize_nearest
from mmlangseg.sseg.evaluation import check_coverage
from mmlangseg.sseg.pseudo_masks import find_generator_config, stretch_image
from mmlangseg.sseg.visualization import label_colors, paint_labels
from mmlangseg.sseg.visualization.semantic_overlay import BACKGROUND
from mmlangseg.visualization import write_png
from mmlangseg.visualization.header import add_header

PANEL = 240  # height of a picture on the sheet
WIDTH = 6 * PANEL  # of the sheet, at least


def build_dataset(args: argparse.Namespace, cfg: Config) -> Dataset:
    """The images with their label maps, as they are in the files."""
    if args.images:
        config = dict(
            type='ClassFileDataset',
            classes_file=str(args.classes),
            data_prefix=dict(
                img_path=str(args.images), seg_map_path=str(args.labels)),
            pipeline=[
                dict(type='LoadImage'),
                dict(type='LoadWideAnnotations')
            ])
    else:
        config = cfg[f'{args.split}_dataloader'].dataset.copy()
        config['pipeline'] = [
            step for step in config['pipeline']
            if step['type'].startswith('Load')
        ]
    if args.max_images:
        config['indices'] = args.max_images
    return DATASETS.build(config)


class Oracle:
    """Intersections and unions of majority classes over a data set.

    Args:
        num_classes: Their number.
        ignore_index: Label of ignored pixels.
    """

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.ignored = 0
        self.intersect, self.predicted, self.labelled = np.zeros(
            (3, num_classes), np.int64)

    def add(self, masks: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Score an image.

        Args:
            masks: Numbers of clusters (H, W).
            labels: True classes (H, W).

        Returns:
            np.ndarray: Class of each cluster (K,).
        """
        counted = labels != self.ignore_index
        wrong = labels[counted & ((labels < 0) | (labels >= self.num_classes))]
        if wrong.size:
            raise ValueError(f'label {wrong[0]} is no class of the data set, '
                             f'which has {self.num_classes}, nor the '
                             f'ignore_index {self.ignore_index}')
        self.ignored += int((~counted).sum())
        shape = (int(masks.max()) + 1, self.num_classes)
        pairs = masks[counted].astype(np.int64) * self.num_classes + \
            labels[counted]
        counts = np.bincount(pairs, minlength=shape[0] * shape[1])
        counts = counts.reshape(shape)
        classes = counts.argmax(1)
        np.add.at(self.intersect, classes, counts.max(1))
        np.add.at(self.predicted, classes, counts.sum(1))
        self.labelled += counts.sum(0)
        return classes

    def scores(self) -> tuple[float, float]:
        """mIoU over the classes that occur, and the share of pixels that are
        right, in percent."""
        union = self.predicted + self.labelled - self.intersect
        present = union > 0
        iou = self.intersect[present] / union[present]
        accuracy = self.intersect.sum() / max(1, self.labelled.sum())
        return 100 * float(iou.mean()), 100 * float(accuracy)


def draw_row(image: np.ndarray, masks: np.ndarray, oracle: np.ndarray,
             truth: np.ndarray, classes: tuple[str,
                                               ...], title: str) -> np.ndarray:
    """Image, pseudo-masks, oracle and truth, beside each other."""
    size = (PANEL, round(PANEL * image.shape[1] / image.shape[0]))
    image = stretch_image(image, size)
    masks, oracle, truth = (
        resize_nearest(labels, size) for labels in (masks, oracle, truth))
    names = [f'mask {i}' for i in range(masks.max() + 1)]
    panels = [
        image,
        paint_labels(image, masks, names),
        paint_labels(image, oracle, classes),
        paint_labels(image, truth, classes)
    ]
    # of what is painted, which the background is not
    present = [
        i for i in np.union1d(oracle, truth).tolist()
        if i < len(classes) and classes[i] != BACKGROUND
    ]
    legend = [(classes[i], tuple(label_colors(len(classes))[i].tolist()))
              for i in present]
    row = np.hstack(panels)
    room = max(0, WIDTH - row.shape[1])
    row = np.pad(row, ((0, 0), (0, room), (0, 0)), constant_values=255)
    return add_header(row, title, '', legend)


def write_sheet(path: Path, rows: list[np.ndarray], title: str) -> None:
    width = max(row.shape[1] for row in rows)
    rows = [
        np.pad(
            row, ((0, 0), (0, width - row.shape[1]), (0, 0)),
            constant_values=255) for row in rows
    ]
    write_png(
        path,
        add_header(
            np.concatenate(rows), title,
            'image | pseudo-masks | oracle | ground truth'))


def main() -> None:
    args = parse_args()
    keep_freed_memory()
    cfg = read_config(
        args.config, args.cfg_options, also_read=['pseudo_mask_generator'])
    if cfg.get('custom_imports'):
        import_modules_from_strings(**cfg.custom_imports)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    if args.images is None:
        require_data(cfg, [args.split])
    try:
        config = find_generator_config(cfg)
        dataset = build_dataset(args, cfg)
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    generator = MODELS.build(config).to(device).eval()
    classes = dataset.metainfo['classes']
    oracle = Oracle(len(classes), dataset.ignore_index)
    seconds, rows, number = 0., [], 0
    shown = set(
        np.linspace(0,
                    len(dataset) - 1, min(args.sheet_images,
                                          len(dataset))).astype(int).tolist())
    for batch in DataLoader(
            dataset, args.batch_size, num_workers=args.workers,
            collate_fn=list):
        pixels = np.stack(
            [stretch_image(s['img'], tuple(args.size)) for s in batch])
        rgb = torch.from_numpy(pixels).to(device).flip(3).permute(0, 3, 1, 2)
        start = time.perf_counter()
        first = args.seed * len(dataset) + number  # no seed occurs twice
        maps = generator.grid(
            rgb.float(), seeds=range(first, first + len(batch)))
        maps = maps.cpu().numpy()
        seconds += time.perf_counter() - start
        for sample, small in zip(batch, maps):
            truth = sample['gt_seg_map'].astype(np.int64)
            masks = resize_nearest(small, truth.shape)
            try:
                found = oracle.add(masks, truth)
            except ValueError as error:
                sys.exit(f'error: {sample["seg_map_path"]}: {error}')
            if args.sheet and number in shown:
                rows.append(
                    draw_row(sample['img'][..., ::-1], masks, found[masks],
                             truth, classes,
                             Path(sample['img_path']).name))
            number += 1
    try:
        for message in check_coverage(classes, oracle.labelled, oracle.ignored,
                                      dataset.reduce_zero_label):
            print(f'warning: {message}', file=sys.stderr)
    except ValueError as error:
        sys.exit(f'error: {error}')
    miou, accuracy = oracle.scores()
    features = type(generator.features).__name__
    row = dict(
        features=features,
        K=str(generator.num_clusters),
        grid='x'.join(map(str, maps.shape[1:])),
        images=str(number),
        mIoU=f'{miou:.2f}',
        aAcc=f'{accuracy:.2f}')
    row['ms/image'] = f'{1000 * seconds / number:.1f}'
    print(format_rows([[*row], [*row.values()]]))
    if args.sheet:
        write_sheet(
            args.sheet, rows, f'{features}, K = {generator.num_clusters}: '
            f'oracle mIoU {miou:.1f} on {number} images')
        print(f'{args.sheet}: {len(rows)} images')


if __name__ == '__main__':
    main()
