"""Find the background threshold of S-Seg on training images with labels.

Examples:
    python tools/sseg/sweep_threshold.py configs/sseg_swin-s_voc21.py
        epoch_30.pth --ann-file ImageSets/Segmentation/train.txt
    python tools/sseg/sweep_threshold.py
        configs/sseg/benchmarks/sseg_swin-s_coco-object.py epoch_30.pth
        --img-path images/train2017
        --seg-map-path annotations/train2017 --max-images 2000
    python tools/sseg/sweep_threshold.py
        configs/sseg/toy/sseg_toy.py epoch_16.pth --dataloader val_dataloader

An image goes through the network once, however many thresholds there are.
"""
from __future__ import annotations
import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.apis.probability import parse_probability
from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.command_line import add_model, check_model
from mmlangseg.cli.help_formatter import DefaultsHelpFormatter


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add_model(parser)
    add('--dataloader',
        default='test_dataloader',
        metavar='KEY',
        help='entry of the config that has the images')
    add('--ann-file', help='of the data set: the list of training images')
    add('--img-path', help='of the data set: folder of the training images')
    add('--seg-map-path', help='of the data set: folder of their label maps')
    add('--thresholds',
        type=parse_probability,
        nargs='+',
        default=[round(0.05 * i, 2) for i in range(1, 20)],
        help='to compare')
    add('--max-images',
        type=int,
        help='take so many, evenly spread over the data set')
    add('--out', metavar='FILE.json', help='write the table to this file')
    add('--device', help='such as cuda:0 or cpu, a GPU if there is one')
    add_cfg_options(parser)
    args = parser.parse_args()
    check_model(parser, args)
    if args.max_images is not None and args.max_images < 1:
        parser.error(f'--max-images {args.max_images} must be at least 1')
    if args.out is not None and not args.out.endswith('.json'):
        parser.error(f'--out {args.out} must end in .json')
    if args.dataloader == 'test_dataloader' and not (args.ann_file
                                                     or args.img_path):
        parser.error(
            'the threshold must not be chosen on the images of the test: name '
            'training images by --ann-file, or by --img-path and '
            '--seg-map-path, or another --dataloader')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import Tensor

from mmlangseg.apis.model import load_config, load_model
from mmlangseg.cli.config_keys import read_config
from mmlangseg.cli.progress import track
from mmlangseg.cli.table import format_rows
from mmlangseg.engine.model_source import open_model
from mmlangseg.engine.subset import keep_evenly_spaced
from mmlangseg.io.files import write_json
from mmlangseg.sseg.evaluation import check_coverage, require_same_labels


class ThresholdSweep:
    """Scores of many thresholds from one pass over the predictions.

    A pixel is background where the probability of its best class does not
    exceed the threshold, which is what the rule 'constant' does.

    Args:
        thresholds: In any order.
        num_classes: Without the background.
        ignore_index: Of the labels.
    """

    def __init__(self,
                 thresholds: Sequence[float],
                 num_classes: int,
                 ignore_index: int = 255) -> None:
        self.thresholds = torch.tensor(
            sorted(set(thresholds)), dtype=torch.float32)
        self.ignore_index = ignore_index
        # Pixels by class and by the number of thresholds that they exceed
        shape = (num_classes, len(self.thresholds) + 1)
        self.predicted = torch.zeros(shape, dtype=torch.int64)
        self.correct = torch.zeros(shape, dtype=torch.int64)
        self.background = torch.zeros(shape[1], dtype=torch.int64)
        self.labelled = torch.zeros(num_classes + 1, dtype=torch.int64)
        self.ignored = 0

    def update(self, classes: Tensor, confidence: Tensor,
               labels: Tensor) -> None:
        """Add an image.

        Args:
            classes: Best class of each pixel, int64 (H, W), from 0.
            confidence: Its probability, float (H, W).
            labels: True labels, int64 (H, W), 0 for background.
        """
        known = labels != self.ignore_index
        self.ignored += int((~known).sum())
        classes, labels = classes[known].cpu(), labels[known].cpu()
        if labels.numel() and int(labels.max()) >= len(self.labelled):
            raise ValueError(
                f'label {int(labels.max())} is no class of the data set')
        level = torch.bucketize(confidence[known].float().cpu(),
                                self.thresholds)
        cell = classes * self.predicted.shape[1] + level
        self.predicted += self._count(cell)
        self.correct += self._count(cell[labels == classes + 1])
        self.background += torch.bincount(
            level[labels == 0], minlength=len(self.background))
        self.labelled += torch.bincount(labels, minlength=len(self.labelled))

    def _count(self, cells: Tensor) -> Tensor:
        count = torch.bincount(cells, minlength=self.predicted.numel())
        return count.view_as(self.predicted)

    def iou(self) -> np.ndarray:
        """IoU in percent of background and classes: (thresholds, 1 + C); nan
        where a class is neither labelled nor predicted."""
        total = int(self.labelled.sum())
        # pixels above the i-th threshold: those that exceed more than i
        correct, predicted = (
            counts.flip(1).cumsum(1).flip(1)[:, 1:]
            for counts in (self.correct, self.predicted))
        below = self.background.cumsum(0)[:-1]
        correct = torch.cat([below[None], correct])
        predicted = torch.cat([total - predicted.sum(0)[None], predicted])
        union = predicted + self.labelled[:, None] - correct
        iou = 100 * correct.double() / union  # 0 / 0 = nan
        return iou.t().numpy()


def select_images(cfg: Config, args: argparse.Namespace) -> dict:
    """The dataloader that the command line describes."""
    if cfg.get(args.dataloader) is None:
        raise ValueError(f'{args.config} has no {args.dataloader}')
    loader = cfg[args.dataloader]
    dataset = loader.dataset
    if args.ann_file:
        dataset.ann_file = args.ann_file
    for key in ('img_path', 'seg_map_path'):
        if getattr(args, key):
            dataset.setdefault('data_prefix', {})[key] = getattr(args, key)
    return loader


def predict(model: torch.nn.Module, loader, title: str) -> Iterator:
    """Give path of the labels, best class, probability and label of each
    image."""
    for batch in track(loader, title, 'batches'):
        with torch.no_grad():
            for sample in model.test_step(batch):
                yield (sample.seg_map_path, sample.pred_sem_seg.data[0],
                       sample.seg_confidence.data[0],
                       sample.gt_sem_seg.data[0])


def sweep(args: argparse.Namespace) -> dict:
    """Score all thresholds."""
    cfg, options = args.config, args.cfg_options
    if os.path.isfile(cfg):
        cfg = read_config(cfg, options, also_read=[args.dataloader])
    cfg, checkpoint = open_model(cfg, args.checkpoint or ..., options)
    cfg = load_config(cfg, scope='mmseg')
    model = load_model(cfg, checkpoint, args.device)
    vocabulary = getattr(model, 'vocabulary', None)
    if vocabulary is None or not vocabulary.background:
        raise ValueError('the model has no vocabulary with background: there '
                         'is no threshold to choose')
    if model.background_rule != 'constant':
        raise ValueError(
            f"the model has background_rule={model.background_rule!r}, but "
            "thresholds are compared by the rule 'constant': set "
            '--cfg-options model.background_rule=constant, here and in '
            'testing, or test with one model.background_threshold after the '
            'other')
    images = select_images(cfg, args)
    dataset = DATASETS.build(images['dataset'])
    names = dataset.metainfo['classes']
    require_same_labels(vocabulary.labels, names)
    if args.max_images:
        keep_evenly_spaced(dataset, args.max_images)
    images['dataset'] = dataset
    warning = model.describe_unknown_classes()
    if warning:
        print(f'warning: {warning}', file=sys.stderr, flush=True)
    loader = Runner.build_dataloader(images)
    # only the best class is wanted, whatever its probability
    model.set_vocabulary(
        dict(
            classes=vocabulary.classes,
            prompt_names=vocabulary.prompt_names,
            templates=vocabulary.templates,
            synonyms=vocabulary.synonyms))
    model.keep_probabilities = False
    scores = ThresholdSweep(args.thresholds, len(vocabulary.classes),
                            dataset.ignore_index)
    for path, *maps in predict(model, loader, 'sweep'):
        try:
            scores.update(*maps)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
    for message in check_coverage(names, scores.labelled, scores.ignored):
        print(f'warning: {message}', file=sys.stderr)
    rows = [
        dict(
            threshold=round(threshold, 6),
            mIoU=float(np.nanmean(iou)),
            IoU={
                name: None if np.isnan(value) else float(value)
                for name, value in zip(names, iou)
            })
        for threshold, iou in zip(scores.thresholds.tolist(), scores.iou())
    ]
    return dict(
        config=args.config,
        checkpoint=checkpoint,
        images=len(dataset),
        best=max(rows, key=lambda row: row['mIoU'])['threshold'],
        rows=rows)


def main() -> None:
    args = parse_args()
    try:
        result = sweep(args)
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
    cells = [['threshold', 'mIoU', 'background']]
    for row in result['rows']:
        background = next(iter(row['IoU'].values()))
        cells.append([
            f'{row["threshold"]:g}', f'{row["mIoU"]:.2f}',
            '-' if background is None else f'{background:.2f}'
        ])
    print(format_rows(cells, markdown=True))
    print(f'best on {result["images"]} images: '
          f'background_threshold={result["best"]:g}')
    if args.out:
        write_json(args.out, result, indent=1)


if __name__ == '__main__':
    main()
