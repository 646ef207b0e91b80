"""Print a config with its bases merged in."""
from __future__ import annotations
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mmlangseg' / '__init__.py').is_file():  # a checkout
    sys.path.insert(0, str(ROOT))

from mmlangseg.cli.cfg_options import add_cfg_options
from mmlangseg.cli.config_keys import read_config
from mmlangseg.cli.config_path import check_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--save-path', help='also write it to this file (.py, .json or .yml)')
    add_cfg_options(parser, 'train_cfg.max_epochs=3')
    args = parser.parse_args()
    args.config = check_config(parser, args.config)
    suffix = Path(args.save_path or 'config.py').suffix
    if suffix not in ('.py', '.json', '.yml'):
        parser.error('--save-path must end in .py, .json or .yml')
    # the text is wanted also where a library of the config is missing
    cfg = read_config(
        args.config,
        args.cfg_options,
        also_read=['pseudo_mask_generator'],
        import_custom_modules=False)
    print(cfg.pretty_text)
    if args.save_path is not None:
        Path(args.save_path).parent.mkdir(parents=True, exist_ok=True)
        cfg.dump(args.save_path)


if __name__ == '__main__':
    main()
