"""Files of scans that the page reads: in a folder of the server, or sent."""
from __future__ import annotations
import os
import re
import zipfile
from pathlib import Path

from mmlangseg.io.folder_files import list_files
from mmlangseg.less.scans.reader import LABELS, READERS

MAX_LISTED = 1000  # names in the drop-down
# what a file may become in memory, by what its header says
MAX_UNPACKED = 1 << 30
_HEADER = 4096  # bytes of a PCD that hold its header


def list_scans(folder: Path) -> list[str]:
    """Names of the scans in a folder and below, sorted.

    Hidden files, and links that lead out of it, are left out.

    Args:
        folder: Of the server.

    Returns:
        list[str]: Paths within the folder, with ``/``; at most MAX_LISTED.
    """
    root, names = folder.resolve(), []
    for path in list_files(root, READERS, deep=True, other=LABELS):
        if path.resolve().is_relative_to(root):
            names.append(path.relative_to(root).as_posix())
            if len(names) == MAX_LISTED:
                break
    return names


def find_scan(folder: Path, name: str) -> Path:
    """The file of a name that a browser sent.

    Raises:
        ValueError: It is none of :func:`list_scans`.
    """
    if name not in list_scans(folder):
        raise ValueError('There is no such scan on the server: load the page '
                         'again for a new list')
    return folder.resolve() / name


def safe_name(name: str) -> str:
    """A file name of a scan out of one that a browser sent.

    Args:
        name: Whatever is said to be a name.

    Returns:
        str: Letters, digits, ``_``, ``-`` and ``.``, with a suffix that is
        read.

    Raises:
        ValueError: No scans with its suffix are read.
    """
    base = re.split(r'[/\\]', name)[-1]
    stem, suffix = os.path.splitext(base)
    if suffix.lower() not in READERS:
        raise ValueError(f'{base[:80]} is not read: convert it to one of '
                         f'{", ".join(READERS)}')
    return re.sub(r'[^\w.-]+', '_', stem)[:60] + suffix.lower()


def check_unpacked(path: Path, most: int = MAX_UNPACKED) -> None:
    """Refuse compressed files that would fill the memory.

    Args:
        path: A scan.
        most: Bytes of its content when unpacked.

    Raises:
        ValueError: It has more. A file whose header cannot be read passes,
            for the reader says what is wrong with it.
    """
    try:
        size = _unpacked_size(path)
    except Exception:  # a damaged file raises almost anything
        return
    if size > most:
        raise ValueError(
            f'{path.name} unpacks to {size / 2**30:.1f} GB, more than the '
            f'{most / 2**30:.1f} GB that this page takes: thin the scan out')


def _unpacked_size(path: Path) -> int:
    suffix = path.suffix.lower()
    if suffix == '.npz':
        with zipfile.ZipFile(path) as archive:
            return sum(info.file_size for info in archive.infolist())
    if suffix == '.laz':
        import laspy
        with laspy.open(path) as file:
            header = file.header
            return header.point_count * header.point_format.size
    if suffix == '.pcd':
        with path.open('rb') as file:
            header = file.read(_HEADER)
        fields = {
            line.split()[0]: line.split()[1:]
            for line in header.splitlines() if line.split()
        }
        point = sum(map(int, fields[b'SIZE']))
        return int(fields[b'POINTS'][0]) * point
    return 0


def without_folder(message: str, folder: Path | None) -> str:
    """A message with paths in a folder shortened to what is in it."""
    if folder is not None:
        for root in (folder, folder.resolve()):
            message = message.replace(f'{root}{os.sep}', '')
            message = message.replace(str(root), 'the folder')
    return message
