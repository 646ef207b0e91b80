"""Print a config with its bases merged in."""
from __future__ import annotations
import argparse
from pathlib import Path

from mmengine.config import Config, DictAction


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--save-path', help='also write it to this file (.py, .json or .yml)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override values, for example train_cfg.max_epochs=3')
    args = parser.parse_args()
    if not Path(args.config).is_file():
        parser.error(f'config {args.config} does not exist')
    suffix = Path(args.save_path or 'config.py').suffix
    if suffix not in ('.py', '.json', '.yml'):
        parser.error('--save-path must end in .py, .json or .yml')
    # the text is wanted also where a library of the config is missing
    cfg = Config.fromfile(args.config, import_custom_modules=False)
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    print(cfg.pretty_text)
    if args.save_path is not None:
        Path(args.save_path).parent.mkdir(parents=True, exist_ok=True)
        cfg.dump(args.save_path)


if __name__ == '__main__':
    main()
