"""How much refiners improve a teacher's masks, before hours of training.

    python tools/semires/evaluate_refinement.py \
        configs/semires/toy/semires_toy_iom_5pct.py BURNIN_CKPT \
        --network student --refiner IOM threshold=0.4 \
        --refiner CPI mode=uo max_area_ratio=1.5

The teacher segments the unlabelled images of the config, whose masks, if they
are known all the same, are the truth. Each ``--refiner`` is a row of the
table; without any the one of the config is.
"""
from __future__ import annotations
import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options, split_option
from mmlangseg.cli.command_line import check_checkpoint
from mmlangseg.cli.config_path import check_config
from mmlangseg.cli.help_formatter import DefaultsHelpFormatter


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=DefaultsHelpFormatter)
    add = parser.add_argument
    add('config', help='config of mutual learning')
    add('checkpoint', help='weights of burn-in or of mutual learning')
    add('--refiner',
        nargs='+',
        action='append',
        default=[],
        metavar=('TYPE', 'KEY=VALUE'),
        help='a refiner and its options, as in a config; can be repeated')
    add('--max-samples',
        type=int,
        default=1000,
        help='evenly spaced objects, at most; 0 takes all')
    add('--network',
        choices=['teacher', 'student'],
        default='teacher',
        help='whose masks; a burn-in as SemiRES has a trained student only')
    add('--device', help='such as cuda:0; a GPU if there is one')
    add('--out', type=Path, help='JSON with the numbers')
    add_cfg_options(parser)
    args = parser.parse_args()
    args.config = check_config(parser, args.config)
    args.checkpoint = check_checkpoint(parser, 'checkpoint', args.checkpoint)
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS

from mmlangseg.apis.model import load_config, load_model
from mmlangseg.cli.config_keys import read_config
from mmlangseg.cli.progress import track
from mmlangseg.cli.table import format_rows
from mmlangseg.engine.subset import keep_evenly_spaced
from mmlangseg.io.files import write_json
from mmlangseg.semires.candidates import Candidates
from mmlangseg.semires.models.lavt import stack_targets
from mmlangseg.visualization.overlay import mask_iou


def read_refiner(words: list[str]) -> dict:
    """Config of a refiner from its type and ``KEY=VALUE`` words."""
    if MODELS.get(words[0]) is None:
        raise ValueError(f'--refiner {words[0]}: there is no such refiner')
    options = {}
    for word in words[1:]:
        try:
            key, value = split_option(word)
        except ValueError as error:
            raise ValueError(f'--refiner {" ".join(words)}: {error}') from None
        options[key] = value
    return dict(type=words[0], **options)


def unlabelled_images(cfg: Config) -> dict:
    """The data set of the config that has no labels in training."""
    sources = cfg.train_dataloader.dataset.get('sources', {})
    if 'unlabelled' not in sources:
        raise ValueError(f'{cfg.filename} has no unlabelled images: give a '
                         'config of mutual learning')
    return sources.unlabelled


def require_candidates(refiners: list[tuple], images: dict) -> None:
    """Refuse a refiner of candidates where the config loads none."""
    loaded = any(transform.type == 'LoadMaskCandidates'
                 for branches in images['pipeline']
                 for transform in branches.get('unsup_teacher', ()))
    for name, refiner in refiners:
        if getattr(refiner, 'uses_candidates', True) and not loaded:
            raise ValueError(
                f'--refiner {name} looks at mask candidates, which the '
                'pipeline of this config does not load: give a config of IOM '
                'or CPI')


def build_loader(dataset: dict, num_workers: int, max_samples: int):
    """Weak views with candidates, in order."""
    dataset = DATASETS.build(dataset)
    if max_samples > 0:
        keep_evenly_spaced(dataset, max_samples)
    return Runner.build_dataloader(
        dict(
            batch_size=8,
            num_workers=num_workers,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dataset))


@torch.no_grad()
def pseudo_labels(
        model: torch.nn.Module,
        loader) -> Iterator[tuple[np.ndarray, np.ndarray, Candidates | None]]:
    """Give mask and truth, bool (H, W), and the candidates of each object."""
    for batch in track(loader, 'teacher', 'batches'):
        weak = {key: branch['unsup_teacher'] for key, branch in batch.items()}
        # that of one branch; the other branches are not needed
        data = model.data_preprocessor.data_preprocessor(weak, training=True)
        inputs, samples = data['inputs'], data['data_samples']
        if not all('gt_sem_seg' in sample for sample in samples):
            raise ValueError('an unlabelled image has no mask, so there is '
                             'nothing to compare with')
        masks = model.pseudo_labels(inputs, samples).pseudo
        truth = stack_targets(samples, inputs.shape[-2:]) == 1
        for sample, mask, true in zip(samples, masks, truth):
            yield (mask.cpu().numpy(), true.cpu().numpy(),
                   sample.get('candidates'))


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """IoU in percent."""
    return 100 * mask_iou(mask, truth)


def summarize(before: np.ndarray, after: np.ndarray,
              matched: np.ndarray) -> dict[str, float]:
    """Means over all objects, and over those that a candidate matched."""
    return dict(
        matched=100 * float(matched.mean()),
        mIoU=float(after.mean()),
        matched_before=float(before[matched].mean()) if matched.any() else 0.,
        matched_after=float(after[matched].mean()) if matched.any() else 0.)


def main() -> None:
    args = parse_args()
    try:
        cfg = read_config(args.config, args.cfg_options)
        cfg = load_config(cfg, scope='mmseg')
        images = unlabelled_images(cfg)
        model = load_model(cfg, args.checkpoint, args.device)
        if args.network == 'teacher' and model.teacher_is_untrained():
            raise ValueError(
                f'the teacher of {args.checkpoint} was never moved: it is of '
                'a burn-in, whose student is the one that learns. Give '
                '--network student')
        model.teacher = getattr(model, args.network)
        refiners = [(' '.join(words), MODELS.build(read_refiner(words)))
                    for words in args.refiner]
        refiners = refiners or [(cfg.model.refiner.type, model.refiner)]
        require_candidates(refiners, images)
        loader = build_loader(images, cfg.train_dataloader.num_workers,
                              args.max_samples)
        before, after, matched = [], [], []
        for mask, truth, candidates in pseudo_labels(model, loader):
            refined = [refine(mask, candidates) for _, refine in refiners]
            before.append(iou(mask, truth))
            after.append([iou(r.mask, truth) for r in refined])
            matched.append([r.matched for r in refined])
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f'error: {error}')
    before, after, matched = map(np.array, (before, after, matched))
    rows = {
        name: summarize(before, after[:, i], matched[:, i])
        for i, (name, _) in enumerate(refiners)
    }
    cells = [['refiner', 'matched, %', 'mIoU', 'matched: before', 'after']]
    for name, row in rows.items():
        cells.append([name, *(f'{value:.1f}' for value in row.values())])
    print(
        f'{len(before)} objects, mIoU of the teacher {before.mean():.1f}\n\n' +
        format_rows(cells, markdown=True))
    if args.out:
        write_json(
            args.out,
            dict(objects=len(before), teacher=float(before.mean()), **rows))


if __name__ == '__main__':
    main()
