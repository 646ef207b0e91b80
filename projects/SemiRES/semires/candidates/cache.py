"""A folder with the mask candidates of a data set, one file per image."""
from __future__ import annotations
from collections.abc import Iterator
from pathlib import Path

from mmlangseg.io.cache_folder import CacheError, CacheFolder
from mmlangseg.io.files import write_bytes
from .candidates import Candidates
from .entry import EntryError, pack_entry, unpack_entry
from .rle import RESIZE_RULES

_FOLDERS = 256  # so that none holds more than some hundred files


class CandidateCacheError(CacheError):
    """A cache cannot be used; the message names file, field and remedy."""


class CandidateCache(CacheFolder):
    """Mask candidates by image id.

    The header has ``dataset`` (str), ``size`` ([H, W]) of the masks,
    ``generator`` (dict of ``name`` and ``parameters``), ``resize``, the rule
    of :meth:`Candidates.resized` by which masks were brought to the size,
    ``'corner'`` if it is left out, and ``ids``, where those of the images are
    from: ``'annotations'``, or ``'names'``, their numbers.

    Args:
        root: The folder.
        expect: Header fields that must have these values, for example
            ``dict(dataset='refcoco', size=[480, 480])``.

    Raises:
        CandidateCacheError: There is no header, or it says something else.
    """

    format = 'mmlangseg mask candidates'
    kind = 'candidate cache'
    tool = 'tools/semires/generate_candidates.py'
    error = CandidateCacheError
    later = 'ids', *(f'generator.parameters.{name}'
                     for name in ('sha256', 'settings_sha256',
                                  'encoder_data_sha256',
                                  'decoder_data_sha256'))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of all masks."""
        return tuple(self.header['size'])

    def path(self, img_id: int) -> Path:
        """Where the entry of an image is."""
        folder = f'{img_id % _FOLDERS:02x}'
        return self.root / 'entries' / folder / f'{img_id}.rle'

    def __contains__(self, img_id: int) -> bool:
        return self.path(img_id).is_file()

    def ids(self) -> Iterator[int]:
        """Ids of the images that have an entry, in no order."""
        for img_id, _ in self.numbered('entries/*/*.rle'):
            yield img_id

    def save(self, img_id: int, candidates: Candidates) -> None:
        """Write the entry of an image, in place of an old one."""
        if candidates.size != self.size:
            raise ValueError(f'candidates of the size {candidates.size} do '
                             f'not belong into {self.root} ({self.size})')
        write_bytes(self.path(img_id), pack_entry(img_id, candidates))

    def load(self, img_id: int) -> Candidates | None:
        """Read the entry of an image.

        Returns:
            Candidates | None: None if the image has no entry.

        Raises:
            CandidateCacheError: The entry is damaged, or another image's.
        """
        path = self.path(img_id)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return unpack_entry(data, img_id, self.size)
        except EntryError as error:
            raise self.spoiled(path, f'is damaged, {error}') from error

    def check_header(self) -> None:
        """Refuse a header whose fields cannot be used."""
        super().check_header()
        self.check_extent('size', 65535)
        # caches are older than the choice
        if self.header.setdefault('resize', 'corner') not in [*RESIZE_RULES]:
            self.refuse('resize', f'one of {sorted(RESIZE_RULES)}')
