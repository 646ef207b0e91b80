"""Checks that the command lines of the tools share; imports nothing heavy."""
from __future__ import annotations
import argparse
import os


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
    for found in (named, beside):  # the folder of the run may have moved
        if os.path.isfile(found):
            return found
    parser.error(f'{option} {path} names {named}, which does not exist')
