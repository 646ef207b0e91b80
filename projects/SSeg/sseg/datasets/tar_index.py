"""Where the pairs of a tar are."""
from __future__ import annotations
import hashlib
import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field

import numpy as np

from mmlangseg.io.files import PathLike, atomic_path
from .file_pool import Stamp, file_stamp
from .packed_strings import PackedStrings
from .tar_members import BLOCK, TarFaults, scan_tar

FORMAT = 'mmlangseg tar index'
VERSION = 2
IMAGE_SUFFIXES = ('jpg', 'jpeg', 'png', 'webp')
CAPTION_SUFFIXES = ('txt', 'json')
# Blocks of 512 bytes at which the contents begin, 0 if there is none, and
# their sizes in bytes: half the memory of byte offsets, and up to 2 TB.
SAMPLE = np.dtype([(f'{part}{name}', '<u4')
                   for part in ('image', *CAPTION_SUFFIXES)
                   for name in ('', '_size')])
MAX_IMAGE = 1 << 28  # bytes; what is larger is no photograph
MAX_CAPTION = 1 << 22


class TarIndexError(ValueError):
    """A tar cannot be indexed; the message names file and remedy."""


@dataclass
class TarCounts:
    """What was found in a tar.

    Attributes:
        pairs (int): Images with caption.
        image_only (int): Images without caption.
        caption_only (int): Captions without image.
        refused (dict[str, int]): Members not taken, by reason: ``'path'``,
            ``'link'``, ``'device'``, ``'type'`` (unknown), ``'size'`` (too
            large), ``'duplicate'`` (another image or caption of its key).
        first_refused (str): Name of one of them.
        other (int): Members that are neither image nor caption.
        first_other (str): Name of one of them.
        damage (str): Why the tar was not read to its end, or empty.
    """

    pairs: int = 0
    image_only: int = 0
    caption_only: int = 0
    refused: dict = field(default_factory=dict)
    first_refused: str = ''
    other: int = 0
    first_other: str = ''
    damage: str = ''


@dataclass
class TarIndex:
    """The pairs of a tar.

    Attributes:
        samples (np.ndarray): (N,) of :data:`SAMPLE`, in the order of the tar.
        keys (PackedStrings): N names without extension.
        counts (TarCounts): What else was found.
        stamp (tuple[int, int]): Size and time of the tar when it was read.
    """

    samples: np.ndarray
    keys: PackedStrings
    counts: TarCounts
    stamp: Stamp

    def save(self, path: PathLike) -> None:
        """Write the index as .npz, whole or not at all."""
        header = dict(
            format=FORMAT,
            version=VERSION,
            stamp=self.stamp,
            counts=asdict(self.counts))
        with atomic_path(path) as tmp:
            with open(tmp, 'wb') as file:
                np.savez(
                    file,
                    header=np.frombuffer(json.dumps(header).encode(), 'u1'),
                    samples=self.samples,
                    keys=self.keys.data,
                    ends=self.keys.ends)


def split_key(name: str) -> tuple[str, str]:
    """Key and extension of a member, as webdataset does.

    The extension is all behind the first dot of the file name, in lower
    case; the key is what is before it, with the folders.
    """
    folder, base = os.path.split(name)
    stem, _, suffix = base.partition('.')
    return os.path.join(folder, stem), suffix.lower()


def build_tar_index(tar: PathLike, strict: bool = False) -> TarIndex:
    """Index a tar, reading its headers only.

    Members with the same key form a sample, also if they are not neighbors.

    Args:
        tar: The file, not compressed.
        strict: Whether a damaged or cut off tar is an error; otherwise what
            is whole is indexed, and ``counts.damage`` says the rest.

    Raises:
        OSError: The file cannot be read.
        TarIndexError: It is compressed, or (strict) damaged.
    """
    tar = os.fspath(tar)
    stamp, faults = file_stamp(tar), TarFaults()
    refused: Counter[str] = Counter()
    rows: dict[str, dict[str, int]] = {}
    first, other, first_other = '', 0, ''
    try:
        for name, offset, size in scan_tar(tar, faults):
            key, suffix = split_key(name)
            part = 'image' if suffix in IMAGE_SUFFIXES else suffix
            if part != 'image' and part not in CAPTION_SUFFIXES:
                other += 1
                first_other = first_other or name
                continue
            row = rows.setdefault(key, {})
            too_large = size > (MAX_IMAGE if part == 'image' else MAX_CAPTION)
            if too_large or part in row:
                refused['size' if too_large else 'duplicate'] += 1
                first = first or name
                continue
            row[part], row[part + '_size'] = offset // BLOCK, size
    except ValueError as error:
        raise TarIndexError(str(error)) from None
    if strict and faults.damage:
        raise TarIndexError(f'{tar} is damaged {faults.damage}. Download or '
                            'make it again, or leave out strict')
    pairs = {
        key: row
        for key, row in rows.items()
        if 'image' in row and ('txt' in row or 'json' in row)
    }
    images = sum('image' in row for row in rows.values())
    captions = sum('txt' in row or 'json' in row for row in rows.values())
    counts = TarCounts(
        pairs=len(pairs),
        image_only=images - len(pairs),
        caption_only=captions - len(pairs),
        refused=dict(faults.refused + refused),
        first_refused=_printable(faults.first_refused or first),
        other=other,
        first_other=_printable(first_other),
        damage=_printable(faults.damage))
    samples = np.array([
        tuple(row.get(name, 0) for name in SAMPLE.names)
        for row in pairs.values()
    ], SAMPLE)
    return TarIndex(samples, PackedStrings.pack(pairs), counts, stamp)


def index_path(tar: PathLike, index_dir: PathLike | None = None) -> str:
    """Where the index of a tar is saved.

    Beside it, or in a folder of its own, where the names of tars from
    several folders are kept apart.
    """
    tar = os.path.abspath(tar)
    if index_dir is None:
        return f'{tar}.index.npz'
    folder, name = os.path.split(tar)
    digest = hashlib.sha1(folder.encode('utf-8', 'surrogateescape'))
    return os.path.join(index_dir,
                        f'{name}.{digest.hexdigest()[:8]}.index.npz')


def load_tar_index(tar: PathLike,
                   path: PathLike,
                   counts_only: bool = False) -> TarIndex | None:
    """Read the saved index of a tar, if it still fits.

    Args:
        tar: The tar.
        path: The saved index, see :func:`index_path`.
        counts_only: Leave ``samples`` and ``keys`` empty.

    Returns:
        TarIndex | None: None if there is no index, or it is damaged, or of a
        tar of other size or time.

    Raises:
        OSError: The tar is not there.
    """
    stamp = file_stamp(tar)
    try:
        with zipfile.ZipFile(path) as arrays:
            header = json.loads(_read_array(arrays, 'header').tobytes())
            if (header['format'], header['version'],
                    tuple(header['stamp'])) != (FORMAT, VERSION, stamp):
                return None
            counts = TarCounts(**header['counts'])
            if not _plain_counts(counts):
                return None
            if counts_only:
                return TarIndex(
                    np.empty(0, SAMPLE), PackedStrings.pack([]), counts, stamp)
            samples, keys, ends = (
                _read_array(arrays, name)
                for name in ('samples', 'keys', 'ends'))
    except Exception:  # a damaged archive raises almost anything
        return None
    shapes = samples.shape, ends.shape
    if not (shapes == ((counts.pairs, ), (counts.pairs, )) and
            (samples.dtype, keys.dtype, ends.dtype)
            == (SAMPLE, np.uint8, np.int64) and _fit(samples, stamp[0])
            and np.all(np.diff(ends, prepend=0) >= 0)
            and keys.shape == (ends[-1] if len(ends) else 0, )):
        return None
    return TarIndex(samples, PackedStrings(keys, ends), counts, stamp)


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of an .npz; NumPy would take memory for any shape it names."""
    info = archive.getinfo(f'{name}.npy')
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f'{name} is compressed')
    data = archive.read(info)
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f'{name} has another version')
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape)


def _plain_counts(counts: TarCounts) -> bool:
    """Whether all fields have their types."""
    return all(
        type(value) is type(default)
        for value, default in zip(astuple(counts), astuple(TarCounts()))
    ) and all(type(number) is int for number in counts.refused.values())


def _fit(samples: np.ndarray, tar_size: int) -> bool:
    """Whether all contents lie within the tar."""
    limits = dict(image=MAX_IMAGE)
    return all(
        np.all(samples[part].astype(np.int64) * BLOCK +
               samples[part + '_size'] <= tar_size) and np.all(
                   samples[part + '_size'] <= limits.get(part, MAX_CAPTION))
        for part in ('image', *CAPTION_SUFFIXES))


def sum_counts(all_counts: Sequence[TarCounts]) -> TarCounts:
    """Counts of several tars together; ``damage`` is their number."""

    def first(name: str) -> str:
        return next(filter(None, (getattr(c, name) for c in all_counts)), '')

    refused: Counter[str] = Counter()
    for counts in all_counts:
        refused.update(counts.refused)
    total = {
        name: sum(getattr(counts, name) for counts in all_counts)
        for name in ('pairs', 'image_only', 'caption_only', 'other')
    }
    damaged = sum(bool(counts.damage) for counts in all_counts)
    return TarCounts(
        **total,
        refused=dict(refused),
        first_refused=first('first_refused'),
        first_other=first('first_other'),
        damage=f'{damaged} tars' if damaged else '')


def _printable(text: str) -> str:
    """With names that are not UTF-8 escaped."""
    return text.encode('utf-8', 'backslashreplace').decode()
