"""Test a checkpoint: metrics, per-sample results, pictures."""
from __future__ import annotations
import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.command_line import add_model, check_launcher, check_model


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Test (evaluate) a model')
    add_model(parser)
    parser.add_argument(
        '--work-dir',
        help='folder for the log and the metrics, by default that of the '
        'config or work_dirs/<name of the config>')
    parser.add_argument(
        '--out',
        metavar='FILE.json',
        help='write the results of every sample and the metrics to this file')
    parser.add_argument(
        '--masks',
        metavar='FILE.jsonl',
        help='write the predicted mask of every sentence to this file, for '
        'tools/evaluate_predictions.py and export_predictions.py')
    parser.add_argument(
        '--show', action='store_true', help='show the predictions')
    parser.add_argument(
        '--show-dir', help='write pictures of the predictions to this folder')
    parser.add_argument(
        '--wait-time',
        type=float,
        default=2,
        help='with --show, seconds per picture')
    parser.add_argument(
        '--tta',
        action='store_true',
        help='test-time augmentation, by tta_model and tta_pipeline of the '
        'config')
    add_cfg_options(parser, 'test_dataloader.num_workers=0 or "key=[a b, c]"')
    parser.add_argument(
        '--verbose',
        action='store_true',
        help='show all that the log file holds: environment, config, hooks, '
        'deprecations')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how several processes are started')
    parser.add_argument(
        '--local-rank',
        '--local_rank',
        type=int,
        default=0,
        help='set by torch.distributed.launch')
    args = parser.parse_args()
    check_model(parser, args)
    check_launcher(parser, args.launcher, 'tools/dist_test.sh')
    check_writable(parser, '--out', args.out, '.json')
    check_writable(parser, '--masks', args.masks, '.jsonl')
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def check_writable(parser: argparse.ArgumentParser, option: str,
                   path: str | None, suffix: str) -> None:
    """Refuse a file that could not be written after the whole test."""
    if path is None:
        return
    if not path.endswith(suffix):
        parser.error(f'{option} {path} must end in {suffix}')
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        parser.error(f'{option} {path}: {error}')
    if os.path.isdir(path) or not os.access(folder, os.W_OK):
        parser.error(f'{option} {path} cannot be written')


if __name__ == '__main__':  # help and mistakes need no libraries
    parse_args()

from mmlangseg.cli.console import hold_warnings, show_held_warnings

if __name__ == '__main__':  # before the libraries warn on import
    hold_warnings()

from mmengine.config import Config, ConfigDict

from mmlangseg.compat.loading import repair_checkpoint_loading
from mmlangseg.engine import CheckpointError
from mmlangseg.engine.innermost_datasets import innermost_datasets
from mmlangseg.engine.launch import (build_runner, check_checkpoint_file,
                                     load_config)
from mmlangseg.engine.model_source import open_model
from mmlangseg.engine.required_inputs import require_inputs
from mmlangseg.text import use_saved_words

REFERRING_METRICS = ('ReferringSegMetric', 'GeneralizedSegMetric')
RECORDING_METRICS = (*REFERRING_METRICS, 'WideIoUMetric')


def set_out_file(cfg: Config, path: str) -> None:
    """Let the metrics write one record per expression or image.

    The first one writes ``path``, further ones ``<stem>_<i>.json``.
    """
    entries = _metrics(cfg)
    found = [e for e in entries if _name(e.type) in RECORDING_METRICS]
    if not found:
        raise SystemExit(f'--out needs one of {", ".join(RECORDING_METRICS)} '
                         'in test_evaluator, but it has '
                         f'{[entry.type for entry in entries]}')
    for index, entry in enumerate(found):
        stem, suffix = os.path.splitext(path)
        entry.out_file = path if index == 0 else f'{stem}_{index}{suffix}'


def set_masks_file(cfg: Config, path: str) -> None:
    """Write masks, too, where sentences are tested."""
    entries = _metrics(cfg)
    if not any(_name(e.type) in REFERRING_METRICS for e in entries):
        raise SystemExit(f'--masks needs one of {", ".join(REFERRING_METRICS)}'
                         f' in test_evaluator, but it has '
                         f'{[entry.type for entry in entries]}')
    # of the registry of MMEngine, which all scopes see
    dump = dict(type='mmengine.DumpReferringMasks', out_file=path)
    cfg.test_evaluator = [*entries, dump]


def _metrics(cfg: Config) -> list[ConfigDict]:
    evaluator = cfg.test_evaluator
    if isinstance(evaluator, dict) and 'metrics' in evaluator:
        evaluator = evaluator['metrics']
    return [evaluator] if isinstance(evaluator, dict) else list(evaluator)


def _name(kind: str | type) -> str:
    name = kind if isinstance(kind, str) else kind.__name__
    return name.split('.')[-1]


def drop_averaging(cfg: Config) -> None:
    """Leave out MMEngine's EMAHook: the weights of a checkpoint are averaged
    already, and of weights alone, as in a model folder, it raises a KeyError.
    """
    cfg.custom_hooks = [
        hook for hook in cfg.get('custom_hooks') or []
        if _name(hook.get('type', '')) != 'EMAHook'
    ]


def set_visualization(cfg: Config, args: argparse.Namespace) -> None:
    """Switch on the visualization hook of the config."""
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise SystemExit('--show and --show-dir need default_hooks='
                         'dict(visualization=dict(...)) in the config')
    hook.draw = True
    if args.show:
        hook.show = True
        hook.wait_time = args.wait_time
    if args.show_dir:
        # the hook would take it relative to the folder of the run
        hook.test_out_dir = os.path.abspath(args.show_dir)


def set_tta(cfg: Config) -> None:
    """Wrap the model and replace the test pipeline."""
    for key in ('tta_model', 'tta_pipeline'):
        if key not in cfg:
            raise SystemExit(f'--tta needs {key} in the config')
    for dataset in innermost_datasets(cfg.test_dataloader.dataset):
        dataset.pipeline = cfg.tta_pipeline
    name = _name(cfg.tta_model.get('type', ''))
    if name == 'SegTTAModel' and 'visual_projection' in cfg.model:
        raise SystemExit(
            '--tta: tta_model=dict(type="SegTTAModel") takes a softmax of '
            'logits, but S-Seg gives probabilities: set '
            'tta_model=dict(type="ProbabilityTTAModel")')
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def main() -> None:
    args = parse_args()
    if args.verbose:
        show_held_warnings()
    repair_checkpoint_loading()
    try:
        cfg, checkpoint = open_model(args.config, args.checkpoint or ...,
                                     args.cfg_options or {})
    except (OSError, ValueError) as error:  # no such model, or a damaged one
        raise SystemExit(f'error: {error}') from None
    cfg = load_config(cfg, work_dir=args.work_dir, launcher=args.launcher)
    cfg.load_from = checkpoint
    cfg.resume = False
    drop_averaging(cfg)
    if checkpoint is not None:
        use_saved_words(cfg.model, checkpoint)
        cfg.custom_hooks = [
            *cfg.custom_hooks,
            dict(type='CheckpointMatchHook')
        ]
    if args.out is not None:
        set_out_file(cfg, args.out)
    if args.masks is not None:
        set_masks_file(cfg, args.masks)
    if args.show or args.show_dir:
        set_visualization(cfg, args)
    if args.tta:
        set_tta(cfg)
    require_inputs(cfg, ['test'])
    runner = build_runner(cfg, verbose=args.verbose, testing=True)
    if checkpoint is not None:
        check_checkpoint_file(runner)  # before the data are read
    runner.test()


if __name__ == '__main__':
    try:
        main()
    except CheckpointError as error:
        raise SystemExit(f'error: {error}') from None
