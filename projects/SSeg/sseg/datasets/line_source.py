"""Image-caption pairs that a text file lists, one a line."""
from __future__ import annotations
import hashlib
import os
from abc import abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

import numpy as np
from mmengine.fileio import join_path

from mmlangseg.io.files import resolve_inside
from .caption import clean_caption
from .file_pool import FilePool, check_stamp, file_stamp
from .pair_source import BrokenPairError, PairSource

MAX_LINE = 1 << 20


class LineSource(PairSource):
    """Pairs of a text file and a folder of images.

    Only the places of the lines are kept in memory. Lines whose image is not
    there (many links of old data sets are dead), that are malformed, or of
    which it is not known whose the image is are left out and counted.

    Keys are ``<name of the file>/<number of the line>``, counted from 0.

    Args:
        file: The text file.
        images: Folder of the images.
        data_root: Root of relative paths.

    Raises:
        FileNotFoundError: The file is not there, or none of the images.
        ValueError: The file is no list of pairs.
    """

    def __init__(self, file: str, images: str, data_root: str) -> None:
        self.file = join_path(data_root, file) if data_root else file
        self.images = join_path(data_root, images) if data_root else images
        self.files = FilePool()

    @abstractmethod
    def parse(self, line: bytes, number: int) -> tuple[str, str, str]:
        """What a line says.

        Returns:
            tuple[str, str, str]: Path of the image inside the folder,
            caption, and origin of the image (its URL, or the path again):
            images of different origins are different ones.

        Raises:
            ValueError: The line is malformed; says how.
        """

    def start(self, file: BinaryIO) -> str:
        """Look at the begin of the file.

        Args:
            file: The open file; left where the first pair begins.

        Returns:
            str: What was found out, for the log.
        """
        return ''

    def load(self) -> str:
        if not os.path.isfile(self.file):
            raise FileNotFoundError(f'{self.file} does not exist. Correct its '
                                    'name or "data_root"')
        self.stamp = file_stamp(self.file)
        offsets, sizes, numbers = array('q'), array('l'), array('q')
        names, origins = array('Q'), array('Q')
        missed: Counter[str] = Counter()
        firsts: dict[str, str] = {}
        listed: dict[str, set[str]] = {}
        with open(self.file, 'rb') as file:
            found = self.start(file)
            for number, (offset, line) in enumerate(self._lines(file)):
                try:
                    name, _, origin = self.parse(line, number)
                    if not os.path.basename(name):
                        raise ValueError(f'{origin!r:.80} names no file')
                    fault = '' if _is_there(self.images, name, listed) \
                        else 'without image file'
                except ValueError as error:
                    name, fault = f'line {number}: {error}', 'malformed'
                if fault:
                    missed[fault] += 1
                    firsts.setdefault(fault, name)
                    continue
                offsets.append(offset)
                sizes.append(len(line))
                numbers.append(number)
                names.append(_digest(name))
                origins.append(_digest(origin))
        self.offsets = np.array(offsets, np.int64)
        self.sizes = np.array(sizes, np.int32)
        self.numbers = np.array(numbers, np.int64)
        names = np.array(names, np.uint64)
        shared = _shared(names, np.array(origins, np.uint64))
        counts = [
            f'{n} lines {fault} (the first: {firsts[fault]})'
            for fault, n in missed.items()
        ]
        if shared.any():
            counts.append(self._describe_shared(shared, names))
            self.offsets, self.sizes, self.numbers = (
                array[~shared]
                for array in (self.offsets, self.sizes, self.numbers))
        found = (f'{len(self)} pairs in {self.file}{found}; '
                 f'{", ".join(counts) or "no line left out"}')
        if not len(self):
            raise FileNotFoundError(
                f'{found}. Images are looked for in {self.images}')
        return found

    def _describe_shared(self, shared: np.ndarray, names: np.ndarray) -> str:
        """Lines of which it is not known whose the image is."""
        first = int(np.flatnonzero(shared)[0])
        image, _, origin = self._parse(first)
        other = next(
            found for found in (self._parse(i)[2] for i in np.flatnonzero(
                names == names[first]).tolist()) if found != origin)
        return (f'{shared.sum()} lines whose image name stands for several '
                f'images (the first: {image} of {origin:.200} and of '
                f"{other:.200}). Name the images by image_name='{{md5}}.jpg' "
                "(of the URL) or '{row:09d}.jpg'")

    def _lines(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        while True:
            offset = file.tell()
            line = file.readline(MAX_LINE)
            if not line:
                return
            if len(line) == MAX_LINE:
                raise ValueError(f'{self.file}: the line at byte {offset} has '
                                 f'more than {MAX_LINE} bytes. Is it a list '
                                 'of pairs?')
            if line.strip():
                yield offset, line

    def __len__(self) -> int:
        return len(self.offsets)

    def read(self, index: int) -> dict:
        key = f'{os.path.basename(self.file)}/{self.numbers[index]}'
        try:
            name, text, _ = self._parse(index)
        except ValueError as error:
            raise BrokenPairError(key, 'caption', str(error)) from None
        return dict(
            img_path=resolve_inside(self.images, name),
            text=clean_caption(key, text),
            key=key)

    def _parse(self, index: int) -> tuple[str, str, str]:
        line = self.files.read(self.file, int(self.offsets[index]),
                               int(self.sizes[index]),
                               partial(check_stamp, self.file, self.stamp))
        return self.parse(line, int(self.numbers[index]))


def _digest(text: str) -> int:
    data = text.encode('utf-8', 'surrogatepass')
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), 'big')


def _shared(names: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """Which lines have a name in common with a line of another origin."""
    order = np.lexsort((origins, names))
    names, origins = names[order], origins[order]
    same = names[1:] == names[:-1]
    clash = same & (origins[1:] != origins[:-1])
    group = np.cumsum(np.append(0, ~same))[:len(names)]
    shared = np.zeros(len(names), bool)
    shared[order] = np.isin(group, group[1:][clash])
    return shared


def _is_there(root: str, name: str, listed: dict[str, set[str]]) -> bool:
    folder, base = os.path.split(resolve_inside(root, name))
    if folder not in listed:  # once, not one question per image
        listed[folder] = set(
            os.listdir(folder) if os.path.isdir(folder) else ())
    return base in listed[folder]
