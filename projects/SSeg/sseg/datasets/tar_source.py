"""Image-caption pairs in tars."""
from __future__ import annotations
import glob
import itertools
import logging
import os
import re
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from mmengine.dist import get_dist_info
from mmengine.fileio import join_path
from mmengine.logging import print_log

from .caption import read_caption
from .file_pool import FilePool, check_stamp
from .index_tars import IndexedTar, index_tars
from .packed_strings import PackedStrings
from .pair_source import PAIR_SOURCES, BrokenPairError, PairSource
from .tar_index import (CAPTION_SUFFIXES, TarCounts, TarIndexError,
                        build_tar_index, index_path, load_tar_index,
                        sum_counts)
from .tar_members import BLOCK

_RANGE = re.compile(r'\{(\d+)\.\.(\d+)\}')
# What is behind the image up to the caption is read with it.
_GAP = 16 * BLOCK
_REPORT_SECONDS = 10.
_NAMED = 10  # faults that are reported one by one
_PAIR = np.dtype([('image', '<u4'), ('image_size', '<u4'), ('caption', '<u4'),
                  ('caption_size', '<u4'), ('json', '?')])


def find_tars(patterns: str | Sequence[str], root: str = '') -> list[str]:
    """Files that match patterns, in alphabetical order, each once.

    Args:
        patterns: Paths with ``*``, ``?`` and ranges ``{000000..000331}``,
            relative to ``root``; a folder stands for the ``*.tar`` in it.
        root: Root of relative patterns.

    Raises:
        FileNotFoundError: Nothing matches one of them, or a file of a range
            is missing.
    """
    found: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        path = join_path(root, pattern) if root else pattern
        if os.path.isdir(path):
            path = os.path.join(glob.escape(path), '*.tar')
        elif root:  # where a bracket is no pattern
            path = join_path(glob.escape(root), pattern)
        wanted = list(_expand_ranges(path))
        matches = [sorted(glob.glob(name)) for name in wanted]
        missing = [n for n, match in zip(wanted, matches) if not match]
        if missing:
            raise FileNotFoundError(f'no file matches {missing[0]}' + (
                f' ({len(missing)} of the {len(wanted)} files of '
                f'{pattern} are missing; with * those that are there are '
                'taken)' if len(wanted) >
                1 else '. Correct "tars" or "data_root"'))
        found.update(itertools.chain(*matches))
    return sorted(found)


def _expand_ranges(pattern: str) -> list[str]:
    match = _RANGE.search(pattern)
    if match is None:
        return [pattern]
    low, high = int(match[1]), int(match[2])
    return [
        name for number in range(low, high + 1) for name in _expand_ranges(
            f'{pattern[:match.start()]}{number:0{len(match[1])}d}'
            f'{pattern[match.end():]}')
    ]


@PAIR_SOURCES.register_module()
class TarSource(PairSource):
    """Pairs in webdataset-style tars.

    As img2dataset, the script of RedCaps and the mirrors of CC3M and CC12M
    write them: ``KEY.jpg`` (or .jpeg, .png, .webp) and ``KEY.txt`` or
    ``KEY.json``. An index of each tar is saved when it is first read (or
    ahead of time by ``tools/sseg/index_pairs.py``); then a pair costs one
    read at its place.

    Keys are ``<name of the tar>/<KEY>``.

    Args:
        tars: See :func:`find_tars`.
        data_root: Root of relative paths.
        index_dir: Folder of the indices; beside the tars without it.
        captions: Extensions of captions by preference, for samples that have
            both.
        json_field: Where the caption is in a .json. For RedCaps GroupViT
            takes ``caption``, not ``raw_caption``.
        strict: Whether a damaged or cut off tar is an error; otherwise what
            is whole is used, and the rest is reported.
        processes: How many tars are indexed at a time; by default as many as
            there are CPUs, but 8 at most.

    Raises:
        FileNotFoundError: There is no such tar.
        TarIndexError: Tars cannot be indexed; lists the first ten. Or there
            is no pair in them.
    """

    def __init__(self,
                 tars: str | Sequence[str],
                 data_root: str = '',
                 index_dir: str | None = None,
                 captions: Sequence[str] = CAPTION_SUFFIXES,
                 json_field: str = 'caption',
                 strict: bool = False,
                 processes: int | None = None) -> None:
        if not captions or not set(captions) <= set(CAPTION_SUFFIXES):
            raise ValueError(f'captions={captions!r} must be extensions from '
                             f'{CAPTION_SUFFIXES}')
        self.patterns = tars
        self.data_root = data_root
        self.index_dir = join_path(data_root, index_dir) \
            if index_dir and data_root else index_dir
        self.captions = tuple(captions)
        self.json_field = json_field
        self.strict = strict
        self.processes = processes or min(8, os.cpu_count() or 1)
        self.pool = FilePool()

    def load(self) -> str:
        self.tars = find_tars(self.patterns, self.data_root)
        indexed = self._index()
        counts = sum_counts([result.counts for result in indexed])
        pairs, keys, self.stamps = [], [], []
        for tar in self.tars:
            path = index_path(tar, self.index_dir)
            index = load_tar_index(tar, path)
            if index is None:  # damaged behind the counts, or stale already
                index = build_tar_index(tar, self.strict)
                index.save(path)
            chosen = self._choose(index.samples)
            keys.append(index.keys if chosen.all() else PackedStrings.pack(
                index.keys[i] for i in np.flatnonzero(chosen)))
            pairs.append(self._pairs(index.samples[chosen]))
            self.stamps.append(index.stamp)
        self.pairs = np.concatenate(pairs)
        self.keys = PackedStrings.join(keys)
        # pairs before each tar
        self.starts = np.cumsum([0] + [len(part) for part in pairs])
        if not len(self):
            worst = next((r for r in indexed if r.counts.damage), indexed[0])
            damage = worst.counts.damage and \
                f', which is damaged {worst.counts.damage}'
            raise TarIndexError(
                f'{self.patterns!r}: there is no pair in {len(self.tars)} '
                f'tars, such as {worst.tar}{damage}, but {_describe(counts)}. '
                'Download or make them again, or correct "tars"')
        others = counts.pairs - len(self)
        return (f'{len(self)} pairs in {len(self.tars)} tars of '
                f'{self.patterns!r}; {_describe(counts)}' +
                (f'; {others} pairs without .{self.captions[0]}'
                 if others else ''))

    def _index(self) -> list[IndexedTar]:
        """Index what has no index yet."""
        rank, world_size = get_dist_info()
        reported, done = time.monotonic(), 0

        def progress(result: IndexedTar) -> None:
            nonlocal reported, done
            done += 1
            if time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                print_log(
                    f'{self.patterns!r}: {done} of {len(self.tars)} '
                    'tars are indexed', 'current')

        results = index_tars(
            self.tars,
            self.index_dir,
            strict=self.strict,
            processes=self.processes,
            first=len(self.tars) * rank // world_size,
            progress=progress)
        errors = [result.error for result in results if result.error]
        if errors:
            raise TarIndexError('\n  '.join([
                f'{len(errors)} of {len(results)} tars cannot be indexed:',
                *errors[:_NAMED]
            ]))
        damaged = [result for result in results if result.counts.damage]
        for result in damaged[:_NAMED]:
            print_log(
                f'{result.tar} is damaged {result.counts.damage}. '
                f'{result.counts.pairs} pairs before that are used',
                logger='current',
                level=logging.WARNING)
        return results

    def _choose(self, samples: np.ndarray) -> np.ndarray:
        """Which samples have a caption of the wanted kind."""
        return np.any([samples[kind] > 0 for kind in self.captions], axis=0)

    def _pairs(self, samples: np.ndarray) -> np.ndarray:
        pairs = np.empty(len(samples), _PAIR)
        pairs['image'] = samples['image']
        pairs['image_size'] = samples['image_size']
        for kind in reversed(self.captions):
            here = samples[kind] > 0
            pairs['caption'][here] = samples[kind][here]
            pairs['caption_size'][here] = samples[kind + '_size'][here]
            pairs['json'][here] = kind == 'json'
        return pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> dict:
        number = int(np.searchsorted(self.starts, index, 'right')) - 1
        tar = self.tars[number]
        check = partial(check_stamp, tar, self.stamps[number])
        name = self.keys.raw(index).decode('utf-8', 'backslashreplace')
        key = f'{os.path.basename(tar)}/{name}'
        image, image_size, caption, caption_size, is_json = \
            self.pairs[index].item()
        image, caption = image * BLOCK, caption * BLOCK
        gap = caption - image - image_size
        if 0 <= gap <= _GAP:  # a neighbor, as usual: one read for both
            data = self.pool.read(tar, image, caption + caption_size - image,
                                  check)
            coded = data[caption - image:]
            data = data[:image_size]
        else:
            data = self.pool.read(tar, image, image_size, check)
            coded = self.pool.read(tar, caption, caption_size, check)
        if len(data) < image_size or len(coded) < caption_size:
            raise BrokenPairError(key, 'image', f'is cut off in {tar}')
        text = read_caption(
            key, coded, json_field=self.json_field if is_json else None)
        return dict(img_bytes=data, text=text, key=key)

    def group_starts(self) -> np.ndarray:
        """The pairs of a tar lie beside each other."""
        return np.unique(self.starts[:-1][np.diff(self.starts) > 0])


def _describe(counts: TarCounts) -> str:
    refused = ', '.join(f'{n} by {name}' for name, n in counts.refused.items())
    text = (f'{counts.image_only} images without caption, '
            f'{counts.caption_only} captions without image, '
            f'{sum(counts.refused.values())} members refused')
    if refused:
        text += f' ({refused}; the first: {counts.first_refused!r})'
    if counts.other:  # names with dots, for example
        text += (f', {counts.other} members that are neither (the first: '
                 f'{counts.first_other!r}; the extension is all behind the '
                 'first dot)')
    return text + (f', {counts.damage} damaged' if counts.damage else '')
