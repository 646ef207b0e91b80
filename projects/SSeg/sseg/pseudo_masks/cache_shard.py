"""One file of a pseudo-mask cache: label maps of neighboring samples."""
from __future__ import annotations
import hashlib
import os
import struct
import zlib
from collections.abc import Mapping

import numpy as np

from mmlangseg.io.files import PathLike, write_bytes
from ..datasets.file_pool import FilePool

# magic, version, bytes of a record, first sample, number of samples
_HEADER = struct.Struct('<8sHxxIQI')
_CRC = struct.Struct('<I')  # of the header, behind it
_MAGIC = b'MMLPMASK'
_VERSION = 1
# Hash of the key, CRC of hash and map. All zeros: there is no map.
_RECORD = struct.Struct('<QI')
_START = _HEADER.size + _CRC.size


class ShardError(ValueError):
    """A shard cannot be used; the message says which part."""


class ShardLayout:
    """How label maps of one size are packed.

    A label takes ``ceil(log2(num_clusters))`` bits, so that all records have
    the same size and are found without an index. Eight clusters on 28 x 28
    take 294 bytes; zlib would make 119 to 223 of them, and need the index.

    Args:
        grid: Height and width of the maps.
        num_clusters: Labels are below this.
    """

    def __init__(self, grid: tuple[int, int], num_clusters: int) -> None:
        self.grid = grid
        self.num_clusters = num_clusters
        self.bits = max(1, (num_clusters - 1).bit_length())
        self._planes = np.arange(self.bits, dtype=np.uint8)
        self.labels = grid[0] * grid[1]
        self.record_size = _RECORD.size + (self.labels * self.bits + 7) // 8

    def pack(self, key: str, labels: np.ndarray) -> bytes:
        """The record of a label map (h, w)."""
        if labels.shape != self.grid:
            raise ValueError(f'{key}: the label map has the shape '
                             f'{labels.shape}, the cache {self.grid}')
        if not 0 <= labels.min() <= labels.max() < self.num_clusters:
            raise ValueError(
                f'{key}: labels from {labels.min()} to {labels.max()} do not '
                f'belong into a cache of {self.num_clusters} clusters')
        planes = labels.astype(np.uint8).reshape(-1, 1) >> self._planes & 1
        data = np.packbits(planes).tobytes()
        name = hash_key(key)
        return _RECORD.pack(name, _record_crc(name, data)) + data

    def unpack(self, key: str, record: bytes) -> np.ndarray | None:
        """The label map of a record, uint8 (h, w); None if it has none.

        Raises:
            ShardError: The record is damaged, of another key, or has a label
                that is no cluster.
        """
        name, crc = _RECORD.unpack_from(record)
        data = record[_RECORD.size:]
        if not name and not crc and not any(data):
            return None
        if crc != _record_crc(name, data):
            raise ShardError('is damaged (CRC)')
        if name != hash_key(key):
            raise ShardError('belongs to another key')
        bits = np.unpackbits(
            np.frombuffer(data, np.uint8), count=self.labels * self.bits)
        labels = bits.reshape(-1, self.bits) @ (1 << self._planes)
        if labels.max() >= self.num_clusters:
            raise ShardError(f'has the label {labels.max()}, but there are '
                             f'{self.num_clusters} clusters')
        return labels.reshape(self.grid)


def hash_key(key: str) -> int:
    """64 bits of a key, never 0."""
    digest = hashlib.blake2b(
        key.encode('utf-8', 'surrogatepass'), digest_size=8).digest()
    return int.from_bytes(digest, 'little') or 1


def _record_crc(name: int, data: bytes) -> int:
    return zlib.crc32(data, name & 0xFFFFFFFF)


def write_shard(path: PathLike, layout: ShardLayout, samples: range,
                records: Mapping[int, bytes]) -> None:
    """Write a shard atomically; samples without a record have no map."""
    header = _HEADER.pack(_MAGIC, _VERSION, layout.record_size, samples.start,
                          len(samples))
    empty = bytes(layout.record_size)
    body = b''.join(records.get(i, empty) for i in samples)
    write_bytes(path, header + _CRC.pack(zlib.crc32(header)) + body)


class Shard:
    """A shard that is read.

    Its header is checked when the file is opened; that and what is read
    raise:

        FileNotFoundError: There is no file.
        ShardError: It is not the shard of these samples and this layout, or
            is damaged.

    Args:
        path: The file.
        layout: Of its records.
        samples: Whose records it has.
        files: Keeps the file open.
    """

    def __init__(self, path: PathLike, layout: ShardLayout, samples: range,
                 files: FilePool) -> None:
        self.path = os.fspath(path)
        self.layout = layout
        self.samples = samples
        self.files = files

    def record(self, sample_id: int) -> bytes:
        """The record of a sample, for :meth:`ShardLayout.unpack`."""
        return self._read(sample_id - self.samples.start, 1)

    def without_map(self) -> list[int]:
        """Samples that have none."""
        count = len(self.samples)
        records = np.frombuffer(self._read(0, count), np.uint8)
        empty = ~records.reshape(count, -1)[:, :_RECORD.size].any(1)
        return [self.samples[i] for i in np.flatnonzero(empty).tolist()]

    def _read(self, first: int, count: int) -> bytes:
        size = self.layout.record_size
        data = self.files.read(self.path, _START + first * size, count * size,
                               self._check)
        if len(data) < count * size:
            raise ShardError('was cut off')
        return data

    def _check(self, handle: int) -> None:
        start = os.pread(handle, _START, 0)
        length = os.fstat(handle).st_size
        size = _START + len(self.samples) * self.layout.record_size
        if length != size:
            raise ShardError(f'has {length} bytes instead of {size}')
        header = start[:_HEADER.size]
        if _CRC.unpack(start[_HEADER.size:])[0] != zlib.crc32(header):
            raise ShardError('has a damaged header (CRC)')
        expected = (_MAGIC, _VERSION, self.layout.record_size,
                    self.samples.start, len(self.samples))
        if _HEADER.unpack(header) != expected:
            raise ShardError(f'has the header {_HEADER.unpack(header)} '
                             f'instead of {expected}')
