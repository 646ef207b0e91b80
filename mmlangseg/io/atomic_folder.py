"""Folders that are there whole or not at all."""
from __future__ import annotations
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmlangseg.io.files import PathLike


@contextmanager
def atomic_folder(path: PathLike) -> Iterator[Path]:
    """Give an empty folder beside ``path`` that becomes it on success.

    If the block raises, nothing is left of it.

    Example:
        >>> with atomic_folder('model') as tmp:
        ...     (tmp / 'config.json').write_text('{}')

    Raises:
        FileExistsError: ``path`` exists and is not an empty folder, before
            the block or after it.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise FileExistsError(f'{path} exists already; name another folder, '
                              'or delete it')
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.tmp')
    tmp.mkdir()
    try:
        yield tmp
        for name in [*tmp.rglob('*')]:
            if name.is_file():
                with open(name, 'rb+') as file:
                    os.fsync(file.fileno())
        try:
            os.replace(tmp, path)  # refuses a folder with anything in it
        except OSError as error:
            raise FileExistsError(
                f'{path} was made meanwhile: {error}') from error
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
