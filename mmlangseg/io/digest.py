"""Telling files apart by what they hold."""
from __future__ import annotations
import hashlib

from .files import PathLike


def sha256_of(path: PathLike) -> str:
    """SHA-256 of a file, read in pieces: weights are gigabytes.

    Raises:
        FileNotFoundError: There is no such file.
    """
    digest = hashlib.sha256()
    try:
        with open(path, 'rb') as file:
            while piece := file.read(1 << 24):
                digest.update(piece)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist') from None
    return digest.hexdigest()
