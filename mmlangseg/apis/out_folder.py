"""Folders for results, before there are any."""
from __future__ import annotations
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def check_out_folder(out_dir: str | os.PathLike) -> None:
    """Refuse a folder in which nothing can be written, without making it.

    Raises:
        OSError: It, or what would have to hold it, is a file or must not be
            written to; or it is ``''``.
    """
    if not os.fspath(out_dir):  # such as a shell variable that is not set
        raise FileNotFoundError('the folder for results has no name')
    path = Path(os.path.abspath(out_dir))
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir():
        raise NotADirectoryError(f'{there} is a file, so that no results can '
                                 f'be written to {out_dir}: name a folder')
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f'{there} must not be written to: name another '
                              f'folder than {out_dir}')


def check_result_names(sources: Sequence, array_name: str,
                       names_of: Callable[[str], Sequence[str]],
                       out_dir: str | os.PathLike) -> None:
    """Refuse inputs whose results would overwrite each other, or an input.

    Args:
        sources: Files and arrays.
        array_name: What the results of an array are called by.
        names_of: Gives the files that are written for a name.
        out_dir: Where they are written.

    Raises:
        ValueError: They would; says which.
    """
    files = {
        os.path.realpath(source): source
        for source in sources if not isinstance(source, np.ndarray)
    }
    root, known = os.path.realpath(out_dir), {}  # type: str, dict[str, Any]
    for source in sources:
        array = isinstance(source, np.ndarray)
        for name in names_of(array_name if array else Path(source).stem):
            if name in known and array and isinstance(known[name], np.ndarray):
                raise ValueError(
                    'arrays have no names, so that their results would be '
                    'written over each other: give one at a time, or files')
            if name in known and _same_file(known[name], source):
                raise ValueError(f'{source} is given twice: leave one out')
            if name in known:
                raise ValueError(
                    f'the results of {_say(known[name])} and {_say(source)} '
                    f'would have the same names, {name}: rename one, or name '
                    'another folder for each')
            known[name] = source
            own = files.get(os.path.join(root, name))
            if own is not None:
                raise ValueError(
                    f'the results of {_say(source)} would be written over '
                    f'{own}: name another folder than {out_dir}')


def _same_file(one: Any, other: Any) -> bool:
    return not isinstance(one, np.ndarray) and not isinstance(
        other, np.ndarray) and os.path.realpath(one) == os.path.realpath(other)


def _say(source: Any) -> str:
    return 'an array' if isinstance(source, np.ndarray) else str(source)
