"""Where a config is, whatever folder it was in before."""
from __future__ import annotations
import argparse
import functools
import os
from pathlib import Path


def find_config(path: str) -> str:
    """Give the path of a config, also of one that lies deeper by now.

    Configs were flat once, ``configs/less_toy.py``; commands that name them so
    go on working.

    Args:
        path: As the user has given it.

    Returns:
        str: The path if there is such a file; else that of the only file of
        this name below the same folder; else ``path``.
    """
    if os.path.exists(path):
        return path
    folder, name = os.path.split(path)
    if not name.endswith('.py') or not os.path.isdir(folder):
        return path
    found = sorted(Path(folder).rglob(name))
    return str(found[0]) if len(found) == 1 else path


def check_config(parser: argparse.ArgumentParser, path: str) -> str:
    """:func:`find_config`, which ends the program if there is none."""
    found = find_config(path)
    if not os.path.isfile(found):
        parser.error(f'config {path} does not exist')
    if found != path:
        _say(f'{path} is {found} by now')
    return found


@functools.cache
def _say(text: str) -> None:
    """Print it once: programs check their options before and after they
    import the libraries."""
    print(text)
