"""Where a config is, whatever folder it was in before."""
from __future__ import annotations
import argparse
import functools
import os
from pathlib import Path

import yaml

_PACKAGE = Path(__file__).resolve().parents[1]


def known_models(system: str | None = None) -> dict[str, str]:
    """Paths of the configs by the names that the metafiles give them.

    Args:
        system: ``'less'``, ``'semires'`` or ``'sseg'``; all by default.
    """
    models: dict[str, str] = {}
    # in a checkout, and as mim installs them
    for root in (_PACKAGE.parent, _PACKAGE / '.mim'):
        index = root / 'model-index.yml'
        if not index.is_file():
            continue
        for name in yaml.safe_load(index.read_text())['Import']:
            path = root / name
            if system in (None, path.parent.name):
                for model in yaml.safe_load(path.read_text())['Models']:
                    models[model['Name']] = str(root / model['Config'])
        break
    return models


def find_config(path: str) -> str:
    """Give the path of a config, also of one that lies deeper by now.

    Configs were flat once, ``configs/less_toy.py``; commands that name them so
    go on working.

    Args:
        path: As the user has given it.

    Returns:
        str: The path if there is such a file; else that of the only file of
        this name below the same folder, or of the config that the metafiles
        call so, such as ``less_toy``; else ``path``.
    """
    if os.path.exists(path):
        return path
    folder, name = os.path.split(path)
    if not folder and '.' not in name:
        return known_models().get(name, path)
    if not name.endswith('.py') or not os.path.isdir(folder):
        return path
    found = sorted(Path(folder).rglob(name))
    return str(found[0]) if len(found) == 1 else path


def check_config(parser: argparse.ArgumentParser, path: str) -> str:
    """:func:`find_config`, which ends the program if there is none."""
    found = find_config(path)
    if not os.path.isfile(found):
        of_demo = path.startswith('outputs/demo/')
        parser.error(f'config {path} does not exist' +
                     '; `make demo` trains its models' * of_demo)
    if found != path:
        _say(f'{path} is {found}' + ' by now' * path.endswith('.py'))
    return found


@functools.cache
def _say(text: str) -> None:
    """Print it once: programs check their options before and after they
    import the libraries."""
    print(text)
