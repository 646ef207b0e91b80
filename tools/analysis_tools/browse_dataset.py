"""Draw samples of a dataset as they leave its pipeline."""
from __future__ import annotations
import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.config_path import check_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Draw samples with their sentences and masks, after the '
        'augmentation of the pipeline')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--split', choices=['train', 'val', 'test'], default='train')
    parser.add_argument(
        '--out',
        default='browse',
        metavar='DIR',
        help='folder for pictures, default browse')
    parser.add_argument(
        '--number',
        type=int,
        default=20,
        help='of samples, evenly spread over the dataset, default 20')
    add_cfg_options(parser)
    args = parser.parse_args()
    args.config = check_config(parser, args.config)
    if args.number < 1:
        parser.error(f'--number {args.number} must be at least 1')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import numpy as np
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from mmlangseg.cli.config_keys import read_config
from mmlangseg.cli.progress import track
from mmlangseg.engine.required_inputs import require_data
from mmlangseg.visualization import (draw_expressions, safe_name,
                                     transforms_of, write_png)


def views(packed: dict) -> Iterator[tuple[str, np.ndarray, BaseDataElement]]:
    """What can be drawn of a sample: a scan, an image, or several views of
    an image, each with a suffix for its name."""
    inputs, samples = packed['inputs'], packed['data_samples']
    if not isinstance(samples, dict):
        inputs, samples = {'': inputs}, {'': samples}
    for branch, sample in samples.items():
        if sample is None:  # MultiBranch: a branch of other samples
            continue
        if 'expressions' in sample:
            picture = inputs[branch]['points']
        else:  # BGR (3, H, W), float after some color changes
            picture = inputs[branch].clip(0, 255).byte().numpy()
            picture = picture[::-1].transpose(1, 2, 0)
        yield branch and f'_{branch}', picture, sample


def draw(sample: BaseDataElement, picture: np.ndarray,
         dataset: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Draw what a sample says: sentences, a caption, or a label map."""
    if 'key' not in sample and ('expressions' in sample or 'text' in sample):
        yield from draw_expressions(sample, picture, transforms_of(dataset))
        return
    # scans and sentences do not need S-Seg
    from mmlangseg.sseg.visualization import draw_labels
    panels = [('image', None)]
    if 'gt_sem_seg' in sample:
        panels.append(('label map', sample.gt_sem_seg.data[0].numpy()))
    if 'key' in sample:  # an image-caption pair, perhaps with pseudo-masks
        names = [f'mask {i}' for i in range(255)]
        yield (safe_name(sample.key),
               draw_labels(picture, panels, names, sample.text))
    else:
        name = Path(sample.img_path).stem
        yield (safe_name(name),
               draw_labels(picture, panels, dataset.metainfo['classes'], name))


def main() -> None:
    args = parse_args()
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    loader = cfg.get(f'{args.split}_dataloader')
    if loader is None:
        raise SystemExit(f'{args.config} has no {args.split}_dataloader: '
                         'choose another --split')
    require_data(cfg, [args.split])
    dataset = DATASETS.build(loader.dataset)
    number = min(args.number, len(dataset))
    count = 0
    for step in track(range(number), args.split, 'samples'):
        index = step * len(dataset) // number
        for view, inputs, sample in views(dataset[index]):
            for name, picture in draw(sample, inputs, dataset):
                # with the index: augmentation shows a scene differently
                path = os.path.join(args.out, f'{index:06d}_{name}{view}.png')
                write_png(path, picture)
                count += 1
    print(f'{count} pictures in {args.out}')


if __name__ == '__main__':
    main()
