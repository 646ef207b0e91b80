"""Benchmark of reading image-caption pairs; see benchmark.py."""
from __future__ import annotations
import importlib.util
import io
import itertools
import random
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_report import Comparison, Variant
from mmengine.logging import MMLogger
from torch import Tensor

from mmlangseg.engine import EpochSampler
from mmlangseg.sseg.datasets import ImageTextDataset
from mmlangseg.sseg.engine import ShardShuffleSampler

SHARD = 1000  # pairs per tar, as RedCaps
BUFFER = 10000  # pairs that GroupViT shuffles among
CAPTION = 'a photo of a dog on the grass, number {}'


def sseg_tar(pairs: int, size_kb: int) -> list[Comparison]:
    """An epoch of shuffled pairs: bytes of the image, and its caption.

    The plain reader is webdataset's own where it is installed, with a buffer
    of 10,000 pairs; else Python's tarfile read from front to back, with the
    same buffer. Decoding is not part of it, nor are the random numbers of each
    sample that ours gives to the augmentation, except in the last row.
    """
    files = PairFiles(pairs, size_kb)
    has_webdataset = importlib.util.find_spec('webdataset') is not None
    plain = read_webdataset if has_webdataset else read_tarfile
    name = 'plain, ' + ('webdataset' if has_webdataset else 'tarfile + buffer')
    epochs = itertools.count()  # no order is used twice

    def run_plain() -> list[Tensor]:
        return digest(plain(files.paths, next(epochs)))

    def ours(sampler_type: type, seeded: bool = False) -> Callable:
        sampler = sampler_type(files.dataset, seed=0)

        def run() -> list[Tensor]:
            sampler.set_epoch(next(epochs))
            read, size = files.dataset.get_data_info, pairs
            if seeded:
                read, size = files.dataset.__getitem__, sys.maxsize
            items = (read(index % size) for index in sampler)
            return digest((item['img_bytes'], item['text']) for item in items)

        return run

    return [
        Comparison(
            f'{pairs} pairs of {size_kb} KB in {len(files.paths)} tars, '
            f'shuffled (indexed once in {1000 * files.index_seconds:.0f} ms)',
            '1000 pairs', [
                Variant(name, run_plain, pairs / 1000, True),
                Variant('ours', ours(EpochSampler), pairs / 1000),
                Variant('ours, by windows of tars', ours(ShardShuffleSampler),
                        pairs / 1000),
                Variant('ours, and seeds for augmentation',
                        ours(EpochSampler, seeded=True), pairs / 1000),
            ], 0.)
    ]


class PairFiles:
    """Tars of random pairs, and the data set of them.

    Args:
        pairs: Number of pairs.
        size_kb: Of each image, which is random bytes.
    """

    def __init__(self, pairs: int, size_kb: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        rng = np.random.default_rng(0)
        self.paths: list[str] = []
        for first in range(0, pairs, SHARD):
            self.paths.append(str(root / f'{len(self.paths):05d}.tar'))
            with tarfile.open(self.paths[-1], 'w') as tar:
                for number in range(first, min(first + SHARD, pairs)):
                    add_member(tar, f'{number:09d}.jpg',
                               rng.bytes(1000 * size_kb))
                    add_member(tar, f'{number:09d}.txt',
                               CAPTION.format(number).encode())
                    add_member(tar, f'{number:09d}.json', b'{"width": 640}')
        logger = MMLogger.get_current_instance()
        level = logger.level
        logger.setLevel('WARNING')
        start = time.perf_counter()
        self.dataset = ImageTextDataset(
            [dict(type='TarSource', tars='*.tar', processes=1)],
            data_root=str(root))
        self.index_seconds = time.perf_counter() - start
        logger.setLevel(level)


def add_member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def digest(pairs: Iterable[tuple[bytes, str]]) -> list[Tensor]:
    """Number, bytes and checksum of pairs, in whatever order."""
    count = size = checksum = 0
    for image, text in pairs:
        count += 1
        size += len(image)
        # the ends of the image, so that reading is what takes the time
        checksum += zlib.crc32(image[:64] + image[-64:] + text.encode())
    return [torch.tensor([count, size, checksum], dtype=torch.float64)]


def read_webdataset(paths: list[str],
                    seed: int) -> Iterator[tuple[bytes, str]]:
    """As in GroupViT: shards and samples shuffled, nothing decoded."""
    import webdataset
    shards = random.Random(seed).sample(paths, len(paths))
    data = webdataset.WebDataset(
        shards, shardshuffle=False, empty_check=False).shuffle(
            BUFFER, initial=BUFFER)
    for sample in data:
        yield sample['jpg'], sample['txt'].decode()


def read_tarfile(paths: list[str], seed: int) -> Iterator[tuple[bytes, str]]:
    """Front to back through a buffer, from which random pairs are taken."""
    rng = random.Random(seed)
    buffer = []
    for path in rng.sample(paths, len(paths)):
        for pair in read_tar_in_order(path):
            buffer.append(pair)
            if len(buffer) > BUFFER:
                yield buffer.pop(rng.randrange(len(buffer)))
    rng.shuffle(buffer)
    yield from buffer


def read_tar_in_order(path: str) -> Iterator[tuple[bytes, str]]:
    sample: dict[str, Any] = {}
    with tarfile.open(path, 'r|') as tar:
        for member in tar:
            key, suffix = member.name.split('.', 1)
            if sample.get('key') != key:
                sample = dict(key=key)
            sample[suffix] = tar.extractfile(member).read()
            if suffix == 'txt':  # the image is before it
                yield sample['jpg'], sample['txt'].decode()
