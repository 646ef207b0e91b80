"""Segment your own data: what sentences refer to, or classes by name."""
from __future__ import annotations
import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmengine.config import Config

from mmlangseg.apis.probability import parse_probability
from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.command_line import add_model, check_model
from mmlangseg.compat.light_imports import import_hosts

if TYPE_CHECKING:
    from mmlangseg.apis import ImageResult, ScanResult


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Segment what sentences refer to, in a scan (LESS) or in '
        'an image (LAVT, SemiRES), or divide an image into classes (S-Seg)')
    add_model(parser)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        '--scan',
        metavar='FILE',
        help='a scan with z up: .ply, .pcd, .npy, .npz, .bin, .obj, .glb, '
        '.las, .laz or .e57')
    data.add_argument(
        '--image', metavar='FILE', help='an image: .jpg, .png, ...')
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument(
        '--text',
        action='append',
        metavar='SENTENCE',
        help='what to look for; may be given several times')
    wanted.add_argument(
        '--classes',
        metavar='NAMES',
        help='classes of S-Seg: "cat,dog,grass", a file with one name per '
        'line, synonyms behind it separated by ";", or a benchmark such as '
        'voc21; with --image')
    parser.add_argument(
        '--threshold',
        type=parse_probability,
        help='what no class has this probability of is background; with '
        '--classes')
    parser.add_argument(
        '--scale',
        type=float,
        default=1.0,
        help='factor from the coordinates of the scan to metres, such as '
        '0.001 for millimetres')
    parser.add_argument(
        '--align',
        metavar='FILE',
        help='text file of 4 x 4 numbers, or <scene>.txt of ScanNet: the '
        'rotation and shift, in metres, that turns the walls of the scan to '
        'x and y')
    parser.add_argument(
        '--no-center',
        action='store_true',
        help='leave the scan where it is, for a model that was trained in a '
        'frame of its own; by default the middle of the scan goes to '
        'x = y = 0 and the floor to z = 0')
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='folder for the results')
    parser.add_argument(
        '--html',
        action='store_true',
        help='write a 3D viewer for the browser, too; with --scan')
    add_cfg_options(parser, 'model.data_preprocessor.voxel_size=0.01')
    parser.add_argument(
        '--device', help='such as cuda:0 or cpu, a GPU if there is one')
    args = parser.parse_args()
    check_model(parser, args)
    if args.scan is None and (args.html or args.scale != 1 or args.align
                              or args.no_center):
        parser.error('--html, --scale, --align and --no-center need --scan')
    if args.classes is not None and args.image is None:
        parser.error('--classes needs --image: scans take sentences, --text')
    if args.threshold is not None and args.classes is None:
        parser.error('--threshold needs --classes')
    return args


def chosen_model(args: argparse.Namespace,
                 takes: str | None = None) -> tuple[Config, str | None]:
    """The config, changed by ``--cfg-options``, and the weights."""
    from mmlangseg.engine.model_source import open_model
    return open_model(args.config, args.checkpoint or ..., args.cfg_options,
                      takes)


def infer_scan(args: argparse.Namespace) -> None:
    """Run LESS and print a line per sentence."""
    from mmlangseg.apis import LESSInferencer, read_alignment
    align = None if args.align is None else read_alignment(args.align)
    inferencer = LESSInferencer(
        *chosen_model(args), args.device, center=not args.no_center)
    results = inferencer(
        args.scan,
        args.text,
        args.out,
        html=args.html,
        scale=args.scale,
        align=align)
    for result in results:
        print(describe(result, result.n_points, 'points'))
        warn(result.warning)


def infer_image(args: argparse.Namespace) -> None:
    """Run LAVT or SemiRES and print a line per sentence."""
    from mmlangseg.apis import SemiRESInferencer
    inferencer = SemiRESInferencer(*chosen_model(args, 'sentences'),
                                   args.device)
    for result in inferencer(args.image, args.text, args.out):
        print(describe(result, result.mask.sum(), 'pixels'))
        warn(result.warning)


def infer_classes(args: argparse.Namespace) -> None:
    """Run S-Seg and print a line per class that the image has."""
    from mmlangseg.apis import SSegInferencer
    inferencer = SSegInferencer(*chosen_model(args, 'classes'), args.device)
    result = inferencer(
        args.image, args.classes, threshold=args.threshold, out_dir=args.out)
    for found in result.classes:
        print(f'{found.share:6.1%} of the pixels, score {found.score:.2f}: '
              f'{found.name}')
    warn(result.warning)


def describe(result: ImageResult | ScanResult, count: int, unit: str) -> str:
    """A line on what a sentence refers to."""
    if not count:
        return f'nothing found: {result.text}'
    return f'{count:8,} {unit}, score {result.score:.2f}: {result.text}'


def warn(text: str) -> None:
    """Print a warning, if there is one."""
    if text:
        print(f'warning: {text}', file=sys.stderr, flush=True)


def main(alone: bool = False) -> None:
    """Run the tool.

    Args:
        alone: Whether nothing else runs in this process, which may then do
            without what :func:`import_hosts` leaves out.
    """
    args = parse_args()
    if alone:
        import_hosts(*([] if args.scan is None else ['mmdet3d.models']))
    try:
        if args.scan is not None:
            infer_scan(args)
        elif args.classes is not None:
            infer_classes(args)
        else:
            infer_image(args)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
    print(f'written to {args.out}')


if __name__ == '__main__':
    main(alone=True)
