"""Image-caption pairs in a folder."""
from __future__ import annotations
import os
from collections import Counter
from collections.abc import Sequence

import numpy as np
from mmengine.fileio import join_path

from .caption import read_caption
from .packed_strings import PackedStrings
from .pair_source import PAIR_SOURCES, BrokenPairError, PairSource
from .tar_index import CAPTION_SUFFIXES, IMAGE_SUFFIXES, MAX_CAPTION


@PAIR_SOURCES.register_module()
class FolderSource(PairSource):
    """Images with their captions beside them, in a folder and its folders.

    ``KEY.jpg`` (or .jpeg, .png, .webp) and ``KEY.txt`` or ``KEY.json``, as
    img2dataset writes with ``output_format=files``. Other than in a tar, KEY
    may have dots. Links to folders are followed; a folder that is met again
    is passed over. Pairs are in alphabetical order.

    Args:
        folder: The folder.
        data_root: Root of a relative ``folder``.
        captions: Extensions of captions by preference, for images that have
            both.
        json_field: Where the caption is in a .json.

    Raises:
        FileNotFoundError: There is no such folder, or no pair in it.
    """

    def __init__(self,
                 folder: str,
                 data_root: str = '',
                 captions: Sequence[str] = CAPTION_SUFFIXES,
                 json_field: str = 'caption') -> None:
        if not captions or not set(captions) <= set(CAPTION_SUFFIXES):
            raise ValueError(f'captions={captions!r} must be extensions from '
                             f'{CAPTION_SUFFIXES}')
        self.folder = join_path(data_root, folder) if data_root else folder
        self.captions = tuple(captions)
        self.json_field = json_field

    def load(self) -> str:
        images, captions = [], []
        missed: Counter[str] = Counter()
        seen = set()  # folders, for links may lead round
        for folder, folders, names in os.walk(self.folder, followlinks=True):
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            folders.sort()
            inside = os.path.relpath(folder, self.folder)
            rows: dict[str, dict[str, str]] = {}
            for name in sorted(names):
                key, suffix = os.path.splitext(name)
                suffix = suffix[1:].lower()
                part = 'image' if suffix in IMAGE_SUFFIXES else suffix
                if part == 'image' or part in self.captions:
                    missed['duplicate'] += part in rows.setdefault(key, {})
                    rows[key].setdefault(
                        part, os.path.normpath(os.path.join(inside, name)))
            for row in rows.values():
                kind = next((k for k in self.captions if k in row), None)
                if 'image' in row and kind:
                    images.append(row['image'])
                    captions.append(row[kind])
                else:
                    missed['image' if 'image' in row else 'caption'] += 1
        found = (f'{len(images)} pairs in {self.folder}; {missed["image"]} '
                 f'images without caption, {missed["caption"]} captions '
                 f'without image, {missed["duplicate"]} files of a key that '
                 'has one')
        if not images:
            if not os.path.isdir(self.folder):
                raise FileNotFoundError(f'{self.folder} is not a folder. '
                                        'Correct "folder" or "data_root"')
            raise FileNotFoundError(
                f'{found}. Captions must have the names of the images, with '
                f'one of the extensions {self.captions}')
        self.images = PackedStrings.pack(images)
        self.caption_files = PackedStrings.pack(captions)
        return found

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> dict:
        image, caption = self.images[index], self.caption_files[index]
        name = _printable(caption)
        try:
            with open(os.path.join(self.folder, caption), 'rb') as file:
                data = file.read(MAX_CAPTION + 1)
        except OSError as error:
            raise BrokenPairError(name, 'caption',
                                  f'cannot be read: {error}') from error
        if len(data) > MAX_CAPTION:
            raise BrokenPairError(name, 'caption',
                                  f'file has more than {MAX_CAPTION} bytes')
        field = self.json_field if caption.lower().endswith('json') else None
        return dict(
            img_path=os.path.join(self.folder, image),
            text=read_caption(name, data, json_field=field),
            key=os.path.splitext(_printable(image))[0])

    def group_starts(self) -> np.ndarray:
        """Single files have no neighbors."""
        return np.zeros(1, np.int64)


def _printable(path: str) -> str:
    """With what is not UTF-8 escaped."""
    return os.fsencode(path).decode('utf-8', 'backslashreplace')
