"""Segment your own data: what sentences refer to, or classes by name."""
from __future__ import annotations
import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmengine.config import Config

from mmlangseg.apis.out_folder import check_out_folder
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
        nargs='+',
        metavar='FILE',
        help='scans with z up: .ply, .pcd, .npy, .npz, .bin, .obj, .glb, '
        '.las, .laz or .e57; or folders of them')
    data.add_argument(
        '--image',
        nargs='+',
        metavar='FILE',
        help='images: .jpg, .png, ...; or folders of them')
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
        help='factor from the coordinates of the scan to meters, such as '
        '0.001 for millimeters')
    parser.add_argument(
        '--align',
        metavar='FILE',
        help='text file of 4 x 4 numbers, or <scene>.txt of ScanNet: the '
        'rotation and shift, in meters, that turns the walls of the scan to '
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
    parser.add_argument(
        '--batch-size',
        type=int,
        default=1,
        help='images at a time, with --image')
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
    if args.batch_size != 1 and args.image is None:
        parser.error('--batch-size needs --image: scans are taken one by one')
    if args.batch_size < 1:
        parser.error('--batch-size must be at least 1')
    if args.threshold is not None and args.classes is None:
        parser.error('--threshold needs --classes')
    try:
        check_out_folder(args.out)
    except OSError as error:
        parser.error(f'--out: {error}')
    return args


def chosen_model(args: argparse.Namespace,
                 takes: str | None = None) -> tuple[Config, str | None]:
    """The config, changed by ``--cfg-options``, and the weights."""
    from mmlangseg.engine.model_source import open_model
    return open_model(args.config, args.checkpoint or ..., args.cfg_options,
                      takes)


def infer_scans(args: argparse.Namespace) -> int:
    """Run LESS and print a line per sentence."""
    from mmlangseg.apis import LESSInferencer, read_alignment
    align = None if args.align is None else read_alignment(args.align)
    inferencer = LESSInferencer(
        *chosen_model(args), args.device, center=not args.no_center)

    def show(results: list) -> None:
        for result in results:
            print(describe(result, result.n_points, 'points'))
            warn(result.warning)

    options = dict(html=args.html, scale=args.scale, align=align)
    return run(args, inferencer, args.scan, args.text, show, **options)


def infer_images(args: argparse.Namespace) -> int:
    """Run LAVT or SemiRES and print a line per sentence."""
    from mmlangseg.apis import SemiRESInferencer
    inferencer = SemiRESInferencer(*chosen_model(args, 'sentences'),
                                   args.device)

    def show(results: list) -> None:
        for result in results:
            print(describe(result, result.mask.sum(), 'pixels'))
            warn(result.warning)

    return run(args, inferencer, args.image, args.text, show)


def infer_classes(args: argparse.Namespace) -> int:
    """Run S-Seg and print a line per class that an image has."""
    from mmlangseg.apis import SSegInferencer
    inferencer = SSegInferencer(*chosen_model(args, 'classes'), args.device)

    def show(result: Any) -> None:
        for found in result.classes:
            print(f'{found.share:6.1%} of the pixels, score {found.score:.2f}'
                  f': {found.name}')
        warn(result.warning)

    return run(
        args,
        inferencer,
        args.image,
        args.classes,
        show,
        threshold=args.threshold)


def run(args: argparse.Namespace, inferencer: Any, inputs: list[str],
        query: Any, show: Callable[[Any], None], **options: Any) -> int:
    """Ask about every input and show what is found.

    Returns:
        int: How many inputs could not be used; they are named at the end.

    Raises:
        Exception: The only input could not be used.
    """
    sources, failures = inferencer.list_inputs(inputs), []
    outcomes = inferencer.each(
        sources,
        query,
        out_dir=args.out,
        batch_size=args.batch_size,
        **options)
    for number, (source, result, error) in enumerate(outcomes, 1):
        if len(sources) == 1 and error is not None:
            raise error
        if len(sources) > 1:
            print(f'{number}/{len(sources)} {source}')
        if error is None:
            show(result)
        else:
            named = str(source) in str(error)
            failures.append(f'{error}' if named else f'{source}: {error}')
    if len(failures) < len(sources):
        print(f'written to {args.out}')
    if failures:
        print(
            f'error: {len(failures)} of {len(sources)} {inferencer.unit} '
            'failed:',
            *failures,
            sep='\n  ',
            file=sys.stderr)
    return len(failures)


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
        infer = infer_scans if args.scan is not None else \
            infer_images if args.classes is None else infer_classes
        failed = infer(args)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
    if failed:
        sys.exit(1)


if __name__ == '__main__':
    main(alone=True)
