"""A folder with the pseudo-masks of a data set, packed."""
from __future__ import annotations
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mmlangseg.io.cache_folder import CacheError, CacheFolder
from mmlangseg.io.files import PathLike
from ..datasets.file_pool import FilePool
from .cache_shard import Shard, ShardError, ShardLayout, write_shard
from .kmeans import INVALID

_LIMITS = dict(num_samples=2**40, num_clusters=INVALID, shard_size=2**24)


class PseudoMaskCacheError(CacheError):
    """A cache cannot be used; the message names file, field and remedy."""


class PseudoMaskCache(CacheFolder):
    """Label maps by ``sample_id``, many in a file.

    The header has ``dataset`` (str), ``num_samples`` (int), ``num_clusters``
    (int), ``grid`` ([h, w]) of the maps, ``shard_size`` (int) and
    ``generator`` (dict), of which ``ignore_orientation`` (bool) is that of
    :class:`~mmlangseg.io.load_image.LoadImage`; and of image-caption pairs
    ``source_sizes``, see :class:`ImageTextDataset`. A shard holds the maps of
    ``shard_size`` neighboring samples, so that processes may write different
    shards at the same time. Every map carries a checksum and a hash of the
    key of its sample: a map of another data set is an error.

    Args:
        root: The folder.
        expect: Header fields that must have these values, for example
            ``dict(num_clusters=8)``.

    Raises:
        PseudoMaskCacheError: There is no header, or it says something else.
    """

    format = 'mmlangseg pseudo-masks'
    kind = 'pseudo-mask cache'
    tool = 'tools/sseg/generate_pseudo_masks.py'
    error = PseudoMaskCacheError
    later = ('source_sizes', 'generator.sha256', 'generator.settings_sha256',
             'generator.ignore_orientation')

    def __init__(self, root: PathLike, expect: dict | None = None) -> None:
        super().__init__(root, expect)
        self.layout = ShardLayout(
            tuple(self.header['grid']), self.header['num_clusters'])
        self._files = FilePool()

    def __len__(self) -> int:
        """Number of samples of the data set."""
        return self.header['num_samples']

    @property
    def num_shards(self) -> int:
        """Number of shards of the complete cache."""
        return -(-len(self) // self.header['shard_size'])

    def samples(self, shard: int) -> range:
        """Samples of a shard."""
        size = self.header['shard_size']
        return range(shard * size, min((shard + 1) * size, len(self)))

    def path(self, shard: int) -> Path:
        """Where a shard is."""
        return self.root / 'shards' / f'{shard:06d}.bin'

    def has_shard(self, shard: int) -> bool:
        """Whether a shard was made."""
        return self.path(shard).is_file()

    def write_shard(self, shard: int,
                    entries: Mapping[int, tuple[str, np.ndarray]]) -> None:
        """Write a shard atomically, in place of an old one.

        Args:
            shard: Its number.
            entries: Key and label map (h, w) by ``sample_id``. What is
                missing is known to have no pseudo-masks.
        """
        samples = self.samples(shard)
        strange = [i for i in entries if i not in samples]
        if strange:
            raise ValueError(f'samples {strange[:5]} do not belong into shard '
                             f'{shard} of {self.root}: {samples}')
        records = {
            i: self.layout.pack(key, labels)
            for i, (key, labels) in entries.items()
        }
        write_shard(self.path(shard), self.layout, samples, records)
        self._files.close(str(self.path(shard)))

    def load(self, sample_id: int, key: str) -> np.ndarray | None:
        """Read a label map.

        Args:
            sample_id: Number of the sample in the whole data set.
            key: Its key, which is checked.

        Returns:
            np.ndarray | None: uint8 (h, w), or None if the sample is known
            to have no pseudo-masks, as its image is broken.

        Raises:
            PseudoMaskCacheError: The shard was not made, the map is damaged
                or of another data set.
        """
        if not 0 <= sample_id < len(self):
            raise PseudoMaskCacheError(
                f'{self.root} has {len(self)} samples, there is no '
                f'{sample_id} ({key}): it is the cache of another data set; '
                f'name the right one, or {self._remedy}')
        number = sample_id // self.header['shard_size']
        with self._shard(number) as shard:
            record = shard.record(sample_id)
        try:
            return self.layout.unpack(key, record)
        except ShardError as error:
            raise self.spoiled(
                self.path(number), f'has an entry of sample {sample_id} '
                f'({key}) that {error}, or this is the cache of another data '
                'set') from error

    def without_masks(self) -> Iterator[int]:
        """Samples of the shards made so far that have no pseudo-masks."""
        # The files, not the numbers: a damaged header can have very many.
        for number, _ in sorted(self.numbered('shards/*.bin')):
            if number < self.num_shards:
                with self._shard(number) as shard:
                    samples = shard.without_map()
                yield from samples

    @contextmanager
    def _shard(self, number: int) -> Iterator[Shard]:
        """A shard, whose errors are those of the cache."""
        path = self.path(number)
        try:
            yield Shard(path, self.layout, self.samples(number), self._files)
        except FileNotFoundError:
            raise PseudoMaskCacheError(
                f'{path} is missing: the cache is not complete; run '
                f'{self.tool} again, which makes only what is missing'
            ) from None
        except ShardError as error:
            raise self.spoiled(path, str(error)) from error

    def check_header(self) -> None:
        """Refuse a header whose fields cannot be used."""
        super().check_header()
        for name, limit in _LIMITS.items():
            value = self.header.get(name)
            if type(value) is not int or not 1 <= value <= limit:
                self.refuse(name, f'a number from 1 to {limit}')
        self.check_extent('grid', 1024)
        sizes = self.header.get('source_sizes', [])
        if not isinstance(sizes, list) or {type(n) for n in sizes} - {int}:
            self.refuse('source_sizes', 'a list of numbers')
