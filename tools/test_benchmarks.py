r"""Test an S-Seg on the benchmarks of open-vocabulary segmentation, in a row.

Examples:
    python tools/test_benchmarks.py configs/sseg_swin-s_cc12m.py epoch_30.pth
    # as SCLIP and its successors test
    python tools/test_benchmarks.py configs/sseg_swin-s_cc12m.py epoch_30.pth \
        --short-side 336 --window 224 --stride 112 --templates full \
        --names sclip/configs --synonyms max
    # with a name for the background in place of a threshold
    python tools/test_benchmarks.py configs/sseg_swin-s_cc12m.py epoch_30.pth \
        --benchmarks voc21 context60 --background-words "sky,wall,road,floor"

The result of each benchmark is written when it is done. Started again with the
same model and options, the tool goes on with those that are missing.
"""
from __future__ import annotations
import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / 'tools'))

from benchmark_options import BENCHMARKS, Options

from mmlangseg.apis.probability import parse_probability
from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.command_line import check_checkpoint
from mmlangseg.cli.config_path import check_config


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('config', help='config of an S-Seg')
    add('checkpoint', help='checkpoint file')
    add('--benchmarks',
        nargs='+',
        choices=BENCHMARKS,
        help='by default all '
        'whose data are there')
    add('--out',
        help='folder of the results, by default '
        'work_dirs/<name of the config>/benchmarks')
    add('--data', default='data', help='folder of the data sets')
    add('--redo', action='store_true', help='test again what is done')
    add('--short-side',
        type=int,
        metavar='PIXELS',
        help='to which images are resized (peers: 336, 448, 560), by default '
        '448')
    add('--window',
        type=int,
        metavar='PIXELS',
        help='side of the crops, 0 for whole images, by default as the config')
    add('--stride',
        type=int,
        metavar='PIXELS',
        help='from crop to crop, by default half of --window')
    add('--templates', default='simple', choices=('simple', 'subset', 'full'))
    add('--names',
        metavar='FOLDER',
        help='files voc21.txt and so on, with names and synonyms, a class per '
        'line')
    add('--synonyms',
        default='mean',
        choices=('mean', 'max'),
        help='what of the names of a class counts')
    background = parser.add_mutually_exclusive_group()
    background.add_argument(
        '--background-words',
        metavar='WORDS',
        help='of the background, separated by commas, in place of a threshold')
    background.add_argument(
        '--background-threshold',
        nargs='+',
        default=[],
        metavar='[NAME=]P',
        help='probability below which a pixel is background, of all or of '
        'one benchmark')
    add_cfg_options(parser, 'model.background_rule=groupvit')
    args = parser.parse_args(argv)
    args.checkpoint = check_checkpoint(parser, 'checkpoint', args.checkpoint)
    args.config = check_config(parser, args.config)
    for name, least in (('short_side', 16), ('window', 0), ('stride', 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            parser.error(f'--{name.replace("_", "-")} {value} must be at '
                         f'least {least}')
    if args.stride is not None and not args.window:
        parser.error('--stride needs --window')
    args.options = _options(parser, args)
    if args.out is None:
        args.out = f'work_dirs/{Path(args.config).stem}/benchmarks'
    return args


def _options(parser: argparse.ArgumentParser,
             args: argparse.Namespace) -> Options:
    common, single = None, {}
    for text in args.background_threshold:
        name, equals, value = text.rpartition('=')
        if equals and name not in BENCHMARKS:
            parser.error(f'--background-threshold {text}: there is no '
                         f'benchmark {name!r}')
        try:
            number = parse_probability(value)
        except argparse.ArgumentTypeError as error:
            parser.error(f'--background-threshold {error}')
        if equals:
            single[name] = number
        else:
            common = number
    words = (args.background_words or '').split(',')
    return Options(
        data=args.data,
        short_side=args.short_side,
        window=args.window,
        stride=args.stride,
        templates=args.templates,
        synonyms=args.synonyms,
        names=args.names,
        background_words=tuple(w.strip() for w in words if w.strip()),
        threshold=common,
        thresholds=single)


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args(None)

from mmlangseg.cli.console import hold_warnings

if __name__ == '__main__':  # before the libraries warn on import
    hold_warnings()

import mmlangseg.sseg  # noqa: F401  isort:skip  before its submodules
from benchmark_config import benchmark_config, fingerprint
from mmengine.registry import init_default_scope

from mmlangseg.cli.table import format_rows
from mmlangseg.compat.loading import repair_checkpoint_loading
from mmlangseg.engine import CheckpointError
from mmlangseg.engine.launch import (build_runner, check_checkpoint_file,
                                     load_config)
from mmlangseg.engine.required_inputs import require_inputs
from mmlangseg.io.annotations import AnnotationError, load_json
from mmlangseg.io.files import stale_temporaries, write_json, write_text
from mmlangseg.text import use_saved_words

SCORES = ('mIoU', 'mAcc', 'aAcc')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    args = parse_args(argv)
    repair_checkpoint_loading()
    model_config = load_config(args.config, options=args.cfg_options)
    init_default_scope('mmseg')
    use_saved_words(model_config.model, args.checkpoint)
    results, failures = {}, {}
    for benchmark in args.benchmarks or BENCHMARKS:
        try:
            results[benchmark] = _test(args, model_config, benchmark)
        except CheckpointError as error:  # of all benchmarks
            raise SystemExit(f'error: {error}') from None
        except FileNotFoundError as error:
            failures[benchmark] = f'not run: {error}'
        except (OSError, ValueError) as error:
            failures[benchmark] = f'failed: {error}'
    table = _table(results)
    for benchmark, reason in failures.items():
        print(f'{benchmark}: {reason}', file=sys.stderr)
    if not results:
        print(
            'error: none was tested; docs/sseg/data.md says how the data are '
            'made, --data names their folder',
            file=sys.stderr)
    if table:
        print(table)
        write_text(Path(args.out) / 'table.txt', f'{table}\n')
    left_out = not args.benchmarks and results and all(
        reason.startswith('not run') for reason in failures.values())
    return 0 if left_out or not failures else 1


def _test(args: argparse.Namespace, model_config: object,
          benchmark: str) -> dict:
    """The result of one benchmark, from its file or from a test."""
    cfg, protocol, prompts = benchmark_config(model_config, benchmark,
                                              args.options)
    file = Path(args.out) / f'{benchmark}.json'
    key = fingerprint(cfg, args.checkpoint)
    for leftover in stale_temporaries(file):
        leftover.unlink()
    done = None if args.redo else _read(file)
    if done is not None and done.get('fingerprint') == key:
        print(f'{benchmark}: done before, {file}')
        return done
    cfg.work_dir = str(Path(args.out) / benchmark)
    cfg.experiment_name = f'{benchmark}_{time.time_ns()}'
    cfg.launcher, cfg.load_from, cfg.resume = 'none', args.checkpoint, False
    cfg.custom_hooks = [dict(type='CheckpointMatchHook')]
    cfg.filename = args.config
    require_inputs(cfg, ['test'])
    runner = build_runner(cfg, verbose=False)
    check_checkpoint_file(runner)
    begin = time.monotonic()
    scores = runner.test()
    result = dict(
        benchmark=benchmark,
        fingerprint=key,
        checkpoint=args.checkpoint,
        scores={
            name: float(value)
            for name, value in scores.items()
        },
        images=len(runner.test_dataloader.dataset),
        seconds=round(time.monotonic() - begin, 1),
        protocol=protocol.columns(),
        **prompts)
    write_json(file, result, indent=1)
    return result


def _read(file: Path) -> dict | None:
    """A result, None if there is none that can be read."""
    try:
        content = load_json(file)
    except (FileNotFoundError, AnnotationError):
        return None
    return content if isinstance(content, dict) else None


def _table(results: dict[str, dict]) -> str:
    """One row per benchmark, with the columns of the protocol."""
    if not results:
        return ''
    columns = ('classes', 'images', *SCORES, 'image size', 'background',
               'templates', 'synonyms')
    rows = [('benchmark', *columns)]
    for name, result in results.items():
        protocol = result['protocol']
        rows.append((name, str(result['classes']), str(result['images']),
                     *(f'{result["scores"][key]:.2f}' for key in SCORES),
                     protocol['image_size'], protocol['background_rule'],
                     result['templates'], result['synonyms']))
    first = next(iter(results.values()))['protocol']
    title = '\n'.join(f'{key.replace("_", " ")}: {first[key]}'
                      for key in ('resize_rule', 'compared_at'))
    return format_rows(
        rows, f'{title}\niou: sums over all pixels of the data '
        'set, no threshold')


if __name__ == '__main__':
    sys.exit(main())
