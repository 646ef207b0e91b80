"""Checks that the command lines of the tools share; imports nothing heavy."""
from __future__ import annotations
import argparse
import os
import re

from .config_path import check_config

_HUB_NAME = re.compile(r'[\w.-]+/[\w.-]+(@[\w./-]+)?')
_FILES = ('.py', '.json', '.yml', '.yaml', '.pth')


def check_launcher(parser: argparse.ArgumentParser, launcher: str,
                   script: str) -> None:
    """Refuse ``--launcher pytorch`` where no torchrun has started us.

    Args:
        parser: Ends the program.
        launcher: Value of the option.
        script: That starts the processes.
    """
    if launcher == 'pytorch' and 'RANK' not in os.environ:
        parser.error('--launcher pytorch is for processes that torchrun '
                     f'starts: use {script}, or leave the option out')


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model that a program uses: a config and a checkpoint, or one
    name for both."""
    parser.add_argument(
        'config',
        metavar='MODEL',
        help='config file; or a folder of tools/publish_model.py or the name '
        'of one on the hub, which need no checkpoint')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file or URL; of public models the config names it')


def check_model(parser: argparse.ArgumentParser,
                args: argparse.Namespace) -> None:
    """Check what :func:`add_model` has read, as far as that needs no library.

    Args:
        parser: Ends the program if a file does not exist, or two models are
            given.
        args: ``checkpoint`` becomes that of :func:`check_checkpoint`.
    """
    if os.path.isdir(args.config) and args.checkpoint is not None:
        parser.error(f'{args.config} is a folder, which has its own weights: '
                     'leave out the checkpoint, or give the config as a file')
    known = os.path.exists(args.config)
    if not known and (args.checkpoint is not None
                      or not is_hub_name(args.config)):
        args.config = check_config(parser, args.config)
    if args.checkpoint is not None:
        args.checkpoint = check_checkpoint(parser, 'checkpoint',
                                           args.checkpoint)


def is_hub_name(name: str) -> bool:
    """Whether a text may be the name of a model on the hub, such as
    ``name/model`` or ``name/model@revision``, and not the path of a file that
    is missing."""
    return bool(_HUB_NAME.fullmatch(name)) and not name.endswith(
        _FILES) and not os.path.exists(name.split('/')[0])


def check_checkpoint(parser: argparse.ArgumentParser, option: str,
                     path: str) -> str:
    """Find the file of a checkpoint.

    Args:
        parser: Ends the program if there is no such file.
        option: What the path was given as.
        path: A file, a URL, or the file ``last_checkpoint`` of a run, which
            names one.

    Returns:
        str: The path of the weights.
    """
    if '://' in path:
        return path
    if not os.path.isfile(path):
        parser.error(f'{option} {path} does not exist')
    if os.path.basename(path) != 'last_checkpoint':
        return path
    with open(path, encoding='utf-8', errors='replace') as file:
        named = file.read(4096).strip()
    beside = os.path.join(os.path.dirname(path), os.path.basename(named))
    # of a folder that was moved or copied it names that in the old one
    for found in (beside, named):
        if os.path.isfile(found):
            return found
    parser.error(f'{option} {path} names {named}, which does not exist')
