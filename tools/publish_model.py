"""Write a trained model as a folder that needs no other file."""
from __future__ import annotations
import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.command_line import check_checkpoint
from mmlangseg.cli.config_path import check_config
from mmlangseg.compat.light_imports import import_hosts

if TYPE_CHECKING:
    from mmengine.config import Config


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


def example(config: Config) -> str:
    """Options of tools/infer.py for a model of this config."""
    if config.get('default_scope') == 'mmdet3d':
        return '--scan MY.ply --text "SENTENCE" --out outputs/my_scan'
    if 'visual_projection' in config.model:
        return '--image MY.jpg --classes "NAME,NAME" --out outputs/my_classes'
    return '--image MY.jpg --text "SENTENCE" --out outputs/my_image'


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
        config = read_config(args.config, args.cfg_options)
        publish_model(config, args.checkpoint, args.out)
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
    size = sum(path.stat().st_size for path in Path(args.out).rglob('*')
               if path.is_file())
    print(f'{args.out}: {size / 1e6:.1f} MB')
    print(f'try it: python tools/infer.py {args.out} {example(config)}')


if __name__ == '__main__':
    main(alone=True)
