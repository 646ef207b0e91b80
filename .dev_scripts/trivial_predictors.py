"""Scores of predictors that see the objects but not the scene or sentence.

    python .dev_scripts/trivial_predictors.py configs/less/toy/less_toy.py

What a model must beat to have learned something. The predictors are given the
true masks of all objects that the split's sentences mention in a scene, and
choose one: the largest, a random one (the expected score is printed), or a
random one of the named kind.
"""
from __future__ import annotations
import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.config_keys import read_config
from mmlangseg.cli.table import format_rows


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='config whose test split is scored')
    add_cfg_options(parser)
    return parser.parse_args()


def scene_scores(labels: np.ndarray,
                 expressions: list[dict]) -> list[dict[str, float]]:
    """IoU of every predictor for every expression of one scene.

    Args:
        labels (np.ndarray): (N,) object id + 1 of every point.
        expressions (list[dict]): With ``object_ids`` and ``object_name``.

    Raises:
        ValueError: A sentence means several objects, or none.
    """
    for e in expressions:
        if len(e['object_ids']) != 1:
            raise ValueError(
                f'{e.get("text")!r} means {len(e["object_ids"])} objects; '
                'these predictors choose one')
    kinds = {e['object_ids'][0]: e['object_name'] for e in expressions}
    ids = sorted(kinds)
    sizes = {i: int((labels == i + 1).sum()) for i in ids}
    largest = max(ids, key=sizes.__getitem__)
    scores = []
    for expression in expressions:
        target = expression['object_ids'][0]
        rivals = [i for i in ids if kinds[i] == kinds[target]]
        # Objects do not overlap: a wrong choice scores 0.
        scores.append({
            'largest object': float(largest == target),
            'random object': 1 / len(ids),
            'random object of the right kind': 1 / len(rivals)
        })
    return scores


def main() -> None:
    args = parse_args()
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmdet3d'))
    from mmdet3d.registry import DATASETS
    if cfg.get('default_scope') != 'mmdet3d':
        raise SystemExit(f'{args.config} is not of LESS, whose scenes this '
                         'tool scores')
    dataset_cfg = cfg.test_dataloader.dataset
    dataset_cfg.expressions_per_scene = sys.maxsize
    dataset = DATASETS.build(dataset_cfg)
    scores: dict = defaultdict(lambda: defaultdict(list))
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        expressions = info['expressions']
        try:
            rows = scene_scores(info['pts_instance_mask'], expressions)
        except ValueError as error:
            raise SystemExit(f'{args.config}: {error}') from None
        for expression, row in zip(expressions, rows):
            for name, score in row.items():
                for group in ['overall', *expression['groups']]:
                    scores[group][name].append(100 * score)
    names = list(scores['overall'])
    table = [['mIoU', *names]]
    for group in sorted(scores, key=lambda g: (g != 'overall', g)):
        table.append(
            [group, *(f'{np.mean(scores[group][n]):.1f}' for n in names)])
    print(format_rows(table))


if __name__ == '__main__':
    main()
