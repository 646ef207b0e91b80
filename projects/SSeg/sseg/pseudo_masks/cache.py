"""A folder with the pseudo-masks of a data set, packed."""
from __future__ import annotations
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mmlangseg.io.files import PathLike, write_json
from ..datasets.file_pool import FilePool
from .cache_shard import Shard, ShardError, ShardLayout, write_shard
from .kmeans import INVALID

FORMAT = 'mmlangseg pseudo-masks'
VERSION = 1
_LIMITS = dict(num_samples=2**40, num_clusters=INVALID, shard_size=2**24)
_REMEDY = 'make it with tools/sseg/generate_pseudo_masks.py'


class PseudoMaskCacheError(ValueError):
    """A cache cannot be used; the message names file, field and remedy."""


class PseudoMaskCache:
    """Label maps by ``sample_id``, many in a file.

    ``header.json`` says what they are: name and size of the data set, number
    of clusters, size of the maps, generator and its parameters. A shard
    holds the maps of ``shard_size`` neighboring samples and is written whole
    or not at all, so that many processes may write different shards and read
    at the same time, and an interrupted run goes on with the shards that are
    missing. Every map carries a checksum and a hash of the key of its
    sample: a map of another data set is an error.

    Args:
        root: The folder.
        expect: Header fields that must have these values, for example
            ``dict(num_clusters=8)``.

    Raises:
        PseudoMaskCacheError: There is no header, or it says something else.
    """

    def __init__(self, root: PathLike, expect: dict | None = None) -> None:
        self.root = Path(root)
        path = self.root / 'header.json'
        try:
            self.header = json.loads(path.read_text(encoding='utf-8'))
        except FileNotFoundError:
            raise PseudoMaskCacheError(
                f'{self.root} is not a pseudo-mask cache, it has no '
                f'header.json; {_REMEDY}') from None
        except (ValueError, RecursionError) as error:
            raise PseudoMaskCacheError(
                f'{path} is damaged: {error}. Delete the folder and {_REMEDY}'
            ) from error
        self._check_header(path)
        self._compare(path, expect or {}, 'expected',
                      f'name the cache of this data set, or {_REMEDY}')
        self.layout = ShardLayout(
            tuple(self.header['grid']), self.header['num_clusters'])
        self._files = FilePool()

    @classmethod
    def create(cls, root: PathLike, header: dict) -> PseudoMaskCache:
        """Make a cache, or open the one that is there to go on with it.

        Args:
            root: The folder.
            header: ``dataset`` (str), ``num_samples`` (int), ``num_clusters``
                (int), ``grid`` ([h, w]), ``shard_size`` (int) and
                ``generator`` (dict).

        Raises:
            PseudoMaskCacheError: A cache with another header is there.
        """
        path = Path(root) / 'header.json'
        if not path.exists():
            # Every process of a parallel run writes the same.
            write_json(
                path, dict(format=FORMAT, version=VERSION, **header), indent=1)
        cache = cls(root)
        cache._compare(
            path, header, 'this run has', 'name another folder, or delete '
            'this one to make its pseudo-masks again')
        return cache

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
                f'name the right one, or {_REMEDY}')
        number = sample_id // self.header['shard_size']
        with self._shard(number) as shard:
            record = shard.record(sample_id)
        try:
            return self.layout.unpack(key, record)
        except ShardError as error:
            raise PseudoMaskCacheError(
                f'{self.path(number)}: the entry of sample {sample_id} '
                f'({key}) {error}. If this cache is of the data set, delete '
                'the file and run tools/sseg/generate_pseudo_masks.py again, '
                'which makes only what is missing; else name the right cache'
            ) from error

    def without_masks(self) -> Iterator[int]:
        """Samples of the shards made so far that have no pseudo-masks."""
        # The files, not the numbers: a damaged header can have very many.
        numbers = sorted(
            int(path.stem) for path in (self.root / 'shards').glob('*.bin')
            if path.stem.isdecimal())
        for number in numbers:
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
                'tools/sseg/generate_pseudo_masks.py again, which makes '
                'only what is missing') from None
        except ShardError as error:
            raise PseudoMaskCacheError(
                f'{path} {error}. Delete this file and run '
                'tools/sseg/generate_pseudo_masks.py again, which makes '
                'only what is missing') from error

    def _compare(self, path: Path, wanted: dict, who: str,
                 remedy: str) -> None:
        for name, value in json.loads(json.dumps(wanted)).items():
            if self.header.get(name) != value:
                raise PseudoMaskCacheError(
                    f'{path}: field "{name}" is {self.header.get(name)!r}, '
                    f'{who} {value!r}; {remedy}')

    def _check_header(self, path: Path) -> None:
        header = self.header

        def refuse(name: str, wanted: str) -> None:
            raise PseudoMaskCacheError(
                f'{path}: field "{name}" is {header.get(name)!r}, not '
                f'{wanted}; {_REMEDY}')

        if not isinstance(header, dict) or header.get('format') != FORMAT:
            raise PseudoMaskCacheError(f'{path}: field "format" is not '
                                       f'{FORMAT!r}; {_REMEDY}')
        if header.get('version') != VERSION:
            refuse('version', f'{VERSION}, which this code reads')
        for name, limit in _LIMITS.items():
            value = header.get(name)
            if type(value) is not int or not 1 <= value <= limit:
                refuse(name, f'a number from 1 to {limit}')
        grid = header.get('grid')
        if not (isinstance(grid, list) and len(grid) == 2
                and all(type(x) is int and 0 < x <= 1024 for x in grid)):
            refuse('grid', '[height, width], both up to 1024')
        for name, kind in (('dataset', str), ('generator', dict)):
            if not isinstance(header.get(name), kind):
                refuse(name, 'a text' if kind is str else 'an object')
