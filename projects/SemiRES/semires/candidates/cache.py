"""A folder with the mask candidates of a data set, one file per image."""
from __future__ import annotations
import json
from collections.abc import Iterator
from pathlib import Path

from mmlangseg.io.files import PathLike, write_bytes, write_json
from .candidates import Candidates
from .entry import EntryError, pack_entry, unpack_entry
from .rle import RESIZE_RULES

FORMAT = 'mmlangseg mask candidates'
VERSION = 1
_FOLDERS = 256  # so that none holds more than some hundred files
_REMEDY = 'make it with tools/semires/generate_candidates.py'


class CandidateCacheError(ValueError):
    """A cache cannot be used; the message names file, field and remedy."""


class CandidateCache:
    """Mask candidates by image id.

    ``header.json`` says what the candidates are: name of the data set, size
    of the masks, generator and its parameters. Entries are written whole or
    not at all, so that many processes may write and read at the same time
    and an interrupted run goes on where it was.

    Args:
        root: The folder.
        expect: Header fields that must have these values, for example
            ``dict(dataset='refcoco', size=[480, 480])``.

    Raises:
        CandidateCacheError: There is no header, or it says something else.
    """

    def __init__(self, root: PathLike, expect: dict | None = None) -> None:
        self.root = Path(root)
        path = self.root / 'header.json'
        try:
            self.header = json.loads(path.read_text(encoding='utf-8'))
        except FileNotFoundError:
            raise CandidateCacheError(
                f'{self.root} is not a candidate cache, it has '
                f'no header.json; {_REMEDY}') from None
        except (ValueError, RecursionError) as error:
            raise CandidateCacheError(
                f'{path} is damaged: {error}. Delete the folder and {_REMEDY}'
            ) from error
        self._check_header(path)
        # before there was a choice
        self.header.setdefault('resize', 'corner')
        for name, value in _plain(expect or {}).items():
            if self.header.get(name) != value:
                raise CandidateCacheError(
                    f'{path}: field "{name}" is {self.header.get(name)!r}, '
                    f'expected {value!r}; name the cache of this data set '
                    f'and size, or {_REMEDY}')

    @classmethod
    def create(cls, root: PathLike, header: dict) -> CandidateCache:
        """Make a cache, or open the one that is there to go on with it.

        Args:
            root: The folder.
            header: ``dataset`` (str), ``size`` ([H, W]), ``generator``
                (dict of ``name`` and ``parameters``), and ``resize``, the
                rule of :meth:`Candidates.resized` by which masks were brought
                to the size; ``'corner'`` if it is left out.

        Raises:
            CandidateCacheError: A cache with another header is there.
        """
        path = Path(root) / 'header.json'
        if not path.exists():
            # Every process of a parallel run writes the same.
            write_json(
                path, dict(format=FORMAT, version=VERSION, **header), indent=1)
        cache, header = cls(root), _plain(header)
        for name, value in header.items():
            if cache.header[name] != value:
                raise CandidateCacheError(
                    f'{path}: field "{name}" is {cache.header[name]!r}, this '
                    f'run has {value!r}; name another folder, or delete this '
                    'one to make its candidates again')
        return cache

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
        for path in (self.root / 'entries').glob('*/*.rle'):
            if path.stem.isdigit():  # not the temporary file of a writer
                yield int(path.stem)

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
            raise CandidateCacheError(
                f'{path} is damaged, {error}. Delete this file and run '
                'tools/semires/generate_candidates.py again, which makes '
                'only what is missing') from error

    def _check_header(self, path: Path) -> None:
        header = self.header
        if not isinstance(header, dict) or header.get('format') != FORMAT:
            raise CandidateCacheError(
                f'{path}: field "format" is not {FORMAT!r}; '
                f'{_REMEDY}')
        if header.get('version') != VERSION:
            raise CandidateCacheError(
                f'{path}: field "version" is {header.get("version")!r}, '
                f'this code reads {VERSION}; delete the folder and {_REMEDY}')
        size = header.get('size')
        if not (isinstance(size, list) and len(size) == 2
                and all(type(x) is int and 0 < x < 65536 for x in size)):
            raise CandidateCacheError(f'{path}: field "size" is {size!r}, not '
                                      f'[height, width]; {_REMEDY}')
        if header.get('resize', 'corner') not in list(RESIZE_RULES):
            raise CandidateCacheError(
                f'{path}: field "resize" is {header["resize"]!r}, which is '
                f'none of {sorted(RESIZE_RULES)}; {_REMEDY}')
        for name, kind in (('dataset', str), ('generator', dict)):
            if not isinstance(header.get(name), kind):
                raise CandidateCacheError(f'{path}: field "{name}" is '
                                          f'{header.get(name)!r}; {_REMEDY}')


def _plain(header: dict) -> dict:
    """As it comes back from JSON, tuples as lists."""
    return json.loads(json.dumps(header))
