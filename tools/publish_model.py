"""Write a trained model as a folder that needs no other file."""
from __future__ import annotations
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.command_line import check_checkpoint
from mmlangseg.cli.config_path import check_config
from mmlangseg.compat.light_imports import import_hosts


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write weights, config, words, thresholds and checksums '
        'of a trained model into a folder. tools/test.py, tools/infer.py and '
        'the inferencers take it in place of CONFIG CHECKPOINT, and run '
        'nothing that is in it')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        'out',
        metavar='DIR',
        help='new folder; a model folder of that name is replaced')
    add_cfg_options(parser, 'model.background_threshold=0.4')
    args = parser.parse_args()
    args.config = check_config(parser, args.config)
    args.checkpoint = check_checkpoint(parser, 'checkpoint', args.checkpoint)
    return args


def main(alone: bool = False) -> None:
    """Run the tool.

    Args:
        alone: Whether nothing else runs in this process, which may then do
            without what :func:`import_hosts` leaves out.
    """
    args = parse_args()
    if alone:
        import_hosts()
    from mmlangseg.cli.config_keys import read_config
    from mmlangseg.engine.publish import publish_model
    try:
        publish_model(
            read_config(args.config, args.cfg_options), args.checkpoint,
            args.out)
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
    size = sum(path.stat().st_size for path in Path(args.out).rglob('*')
               if path.is_file())
    print(f'{args.out}: {size / 1e6:.1f} MB')
    print(f'try it: python tools/infer.py {args.out} ...')


if __name__ == '__main__':
    main(alone=True)
