"""Folders that are there whole or not at all."""
from __future__ import annotations
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .files import PathLike


@contextmanager
def atomic_folder(path: PathLike, replace: bool = False) -> Iterator[Path]:
    """Give an empty folder beside ``path`` that becomes it on success.

    If the block raises, nothing is left of it, and what was there stays.

    Args:
        path: The folder.
        replace: Whether a folder that is there already, with whatever is in
            it, gives way.

    Example:
        >>> with atomic_folder('model') as tmp:
        ...     (tmp / 'config.json').write_text('{}')

    Raises:
        FileExistsError: ``path`` exists and is not an empty folder, before
            the block or after it; with ``replace``, it is no folder.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and
                              (replace or not any(path.iterdir()))):
        raise FileExistsError(f'{path} exists already; name another folder, '
                              'or delete it')
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = _beside(path, 'tmp')
    tmp.mkdir()
    try:
        yield tmp
        for name in [*tmp.rglob('*')]:
            if name.is_file():
                with open(name, 'rb+') as file:
                    os.fsync(file.fileno())
        if replace and path.exists():
            _exchange(path, tmp)
            return
        try:
            os.replace(tmp, path)  # refuses a folder with anything in it
        except OSError as error:
            raise FileExistsError(
                f'{path} was made meanwhile: {error}') from error
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f'.{path.name}.{uuid.uuid4().hex}.{suffix}')


def _exchange(path: Path, new: Path) -> None:
    """Put a new folder in the place of an old one."""
    old = _beside(path, 'old')
    os.rename(path, old)
    try:
        os.rename(new, path)
    except OSError:
        os.rename(old, path)
        raise
    shutil.rmtree(old)
