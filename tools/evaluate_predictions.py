r"""Score the predictions of any model by the protocol of a benchmark.

Examples:
    python tools/evaluate_predictions.py scanrefer predictions.json
    python tools/evaluate_predictions.py multi3drefer predictions/
    python tools/evaluate_predictions.py m3dref_boxes boxes.json
    python tools/evaluate_predictions.py refcoco masks.jsonl \
        --folder data/refer/refcoco --split testA
    python tools/evaluate_predictions.py grefcoco masks.json \
        --folder data/refer/grefcoco --split val --min-pixels 50
    python tools/evaluate_predictions.py voc21 label_maps/

Every annotation must have one prediction. Its forms are JSON with indices of
points, run-length codes (of COCO, or of SPFormer and MDIN), masks or
polygons; JSON lines; NPZ; of label maps PNG, TIFF or NumPy files, see
docs/evaluation.md. They are read one at a time.
"""
from __future__ import annotations
import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

SCANS = ('scanrefer', 'nr3d', 'sr3d', 'multi3drefer', 'own_scans')
BOXES = ('m3dref_boxes', )
IMAGES = ('refcoco', 'grefcoco')
LABELS = ('voc21', 'context60', 'coco_object', 'voc20', 'cityscapes',
          'context59', 'ade20k', 'coco_stuff', 'coco_object80', 'ade847',
          'pc459')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('benchmark', choices=SCANS + BOXES + IMAGES + LABELS)
    add('predictions', help='file, or folder of files')
    add('--out', metavar='FILE.json', help='write scores and protocol here')
    add('--split', default='val', help='of the annotations')
    add('--data-root',
        help='scans: by default data/scannet, or data/own_scans; label maps: '
        'by default that of the config')
    add('--ann-file',
        help='scans: annotations, by default annotations/BENCHMARK_SPLIT.json '
        'in the data root; of own_scans annotations/SPLIT.json')
    add('--info-file',
        help='scans: by default scannet_infos_SPLIT.pkl in the data root; of '
        'own_scans infos_SPLIT.pkl')
    add('--min-points',
        type=int,
        help='scans: without a target, a mask of fewer points is empty, by '
        'default 50 with multi3drefer, as in MDIN, and else 1')
    add('--folder', help='images: folder of instances.json and the refs')
    add('--split-by', default='unc', help='images: unc, umd or google')
    add('--min-pixels',
        type=int,
        default=1,
        help='images: a mask of fewer pixels says that there is no target')
    add('--first-id',
        type=int,
        choices=(0, 1),
        help='label maps: number of the first class in the predictions, by '
        'default 1 where the data set ignores label 0, as mmseg writes them, '
        'or as labels.json of label_images.py says')
    rule = parser.add_mutually_exclusive_group()
    rule.add_argument(
        '--strict',
        action='store_true',
        help='count IoU > threshold, the '
        'default of masks of scans')
    rule.add_argument(
        '--inclusive',
        action='store_true',
        help='count IoU >= threshold, the '
        'default of images and boxes')
    add('--image-size',
        metavar='TEXT',
        help='for the table: what the network '
        'saw')
    add('--resize-rule',
        metavar='TEXT',
        help='for the table: how predictions '
        'got their size')
    add('--background-rule',
        metavar='TEXT',
        help='for the table: what '
        'decided on the background')
    args = parser.parse_args(argv)
    if not os.path.exists(args.predictions):
        parser.error(f'{args.predictions} does not exist')
    if args.benchmark in IMAGES and not args.folder:
        parser.error(f'{args.benchmark} needs --folder, such as '
                     f'data/refer/{args.benchmark}')
    if args.min_points is None:
        args.min_points = 50 if args.benchmark == 'multi3drefer' else 1
    if min(args.min_points, args.min_pixels) < 1:
        parser.error('--min-points and --min-pixels must be at least 1')
    if args.out is not None and not args.out.endswith('.json'):
        parser.error(f'--out {args.out} must end in .json')
    return args


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

from mmlangseg.cli.console import hold_warnings

if __name__ == '__main__':  # before the libraries warn on import
    hold_warnings()

from mmlangseg.cli.table import format_rows
from mmlangseg.evaluation import Protocol, ReferringSums, format_table
from mmlangseg.io.files import write_json

# Groups of which the annotations must have some; the converters add them.
_DISTRACTORS = {'zt_w_d', 'zt_wo_d', 'st_w_d', 'st_wo_d', 'mt'}
GROUPS = dict(
    scanrefer={'unique', 'multiple'},
    nr3d={'easy', 'hard', 'view_dependent', 'view_independent'},
    sr3d={'easy', 'hard', 'view_dependent', 'view_independent'},
    multi3drefer=_DISTRACTORS,
    m3dref_boxes=_DISTRACTORS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    args = parse_args(argv)
    try:
        protocol, scores, table = _evaluate(args)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(table)
    if args.out is not None:
        write_json(
            args.out,
            dict(
                benchmark=args.benchmark,
                predictions=args.predictions,
                protocol=protocol.columns(),
                scores=scores),
            indent=1)
    return 0


def _evaluate(args: argparse.Namespace) -> tuple[Protocol, Any, str]:
    """The protocol, the scores and the table."""
    if args.benchmark in SCANS + BOXES:
        return _evaluate_scans(args)
    if args.benchmark in IMAGES:
        return _evaluate_images(args)
    return _evaluate_labels(args)


def _protocol(args: argparse.Namespace, inclusive: bool | None,
              **defaults: str) -> Protocol:
    if inclusive is not None:
        inclusive = args.inclusive or (inclusive and not args.strict)
    stated = {
        name: getattr(args, name)
        for name in ('image_size', 'resize_rule', 'background_rule')
        if getattr(args, name) is not None
    }
    return Protocol(inclusive=inclusive, **{**defaults, **stated})


def _evaluate_scans(args: argparse.Namespace) -> tuple[Protocol, Any, str]:
    import mmlangseg.less  # noqa: F401  before its submodules
    from mmlangseg.less.evaluation import (BoxF1, evaluate_scan_boxes,
                                           evaluate_scan_masks)
    boxes = args.benchmark in BOXES
    own = args.benchmark == 'own_scans'  # own_scans.py has names of its own
    root = Path(args.data_root or f'data/{"own_scans" if own else "scannet"}')
    name = 'multi3drefer' if boxes else args.benchmark
    ann_file = args.ann_file or root / (
        f'annotations/{"" if own else f"{name}_"}{args.split}.json')
    info_file = args.info_file or root / (
        f'{"" if own else "scannet_"}infos_{args.split}.pkl')
    defaults = dict(
        image_size='scans, no images',
        resize_rule='none, masks are of the points of the scan')
    if boxes:
        protocol = _protocol(
            args,
            True,
            compared_at='boxes of the aligned scan, matched one to one',
            background_rule='no target: no box',
            **defaults)
        scores = evaluate_scan_boxes(args.predictions, ann_file, info_file,
                                     root, BoxF1(inclusive=protocol.inclusive))
    else:
        protocol = _protocol(
            args,
            False,
            compared_at='all points of the scan',
            background_rule='as predicted; no target: fewer than '
            f'{args.min_points} points',
            **defaults)
        scores = evaluate_scan_masks(
            args.predictions, ann_file, info_file, root,
            ReferringSums((0.25, 0.5), bool(protocol.inclusive), 'Acc'),
            args.min_points)
    wanted = GROUPS.get(args.benchmark)
    if wanted and not wanted & scores.keys():
        raise ValueError(
            f'{ann_file} has none of the groups {", ".join(sorted(wanted))}: '
            'make it with tools/dataset_converters/scanrefer.py')
    return protocol, scores, format_table(scores, protocol.title())


def _evaluate_images(args: argparse.Namespace) -> tuple[Protocol, Any, str]:
    import mmlangseg.semires  # noqa: F401  before its submodules
    from mmlangseg.semires.evaluation import (GeneralizedSums,
                                              evaluate_image_masks)
    protocol = _protocol(
        args,
        True,
        compared_at='the original size of the images',
        background_rule='as predicted; no target: "no_target", or fewer than '
        f'{args.min_pixels} pixels')
    generalized = args.benchmark == 'grefcoco'
    sums = GeneralizedSums(inclusive=protocol.inclusive) if generalized else \
        ReferringSums((0.5, 0.6, 0.7, 0.8, 0.9), bool(protocol.inclusive),
                      'P')
    scores = evaluate_image_masks(args.predictions, args.folder, args.split,
                                  args.split_by, sums, args.min_pixels)
    if not generalized:
        return protocol, scores, format_table(scores, protocol.title())
    return protocol, scores, _one_row(args.split, scores, protocol)


def _evaluate_labels(args: argparse.Namespace) -> tuple[Protocol, Any, str]:
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import DATASETS, TRANSFORMS

    import mmlangseg.sseg  # noqa: F401  before its submodules
    from mmlangseg.sseg.evaluation import evaluate_label_maps
    init_default_scope('mmseg')
    path = ROOT / f'configs/_base_/datasets/sseg_{args.benchmark}.py'
    dataset = Config.fromfile(path).test_dataloader.dataset
    loader, = (
        step for step in dataset.pop('pipeline')
        if step.type == 'LoadWideAnnotations')
    if args.data_root is not None:
        dataset.data_root = args.data_root
    for file in ('', dataset.get('ann_file') or ''):
        read = os.path.join(dataset.data_root, file)
        if not os.path.exists(read):
            raise FileNotFoundError(
                f'{read} does not exist: name the folder of the images and '
                f'label maps of {args.benchmark} by --data-root')
    protocol = _protocol(args, None, compared_at='the size of the label maps')
    scores = evaluate_label_maps(args.predictions,
                                 DATASETS.build(dict(dataset, pipeline=[])),
                                 TRANSFORMS.build(loader), args.first_id)
    scores = {name: float(value) for name, value in scores.items()}
    return protocol, scores, _one_row(args.benchmark, scores, protocol)


def _one_row(name: str, scores: dict, protocol: Protocol) -> str:
    cells = [
        str(value) if isinstance(value, int) else f'{value:.2f}'
        for value in scores.values()
    ]
    return format_rows([['', *scores], [name, *cells]], protocol.title())


if __name__ == '__main__':
    sys.exit(main())
