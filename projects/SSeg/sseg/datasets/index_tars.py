"""Indexing many tars at once."""
from __future__ import annotations
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from mmlangseg.cpu.orphans import exit_with_parent
from mmlangseg.io.files import PathLike
from .tar_index import (TarCounts, TarIndexError, build_tar_index, index_path,
                        load_tar_index)


@dataclass
class IndexedTar:
    """What became of a tar.

    Attributes:
        tar (str): Its path.
        built (bool): Whether it was indexed now; its index was there before
            otherwise.
        counts (TarCounts): What is in it.
        error (str): Why it has no index, or empty.
    """

    tar: str
    built: bool
    counts: TarCounts
    error: str = ''


def index_tars(
    tars: Sequence[PathLike],
    index_dir: PathLike | None = None,
    *,
    strict: bool = False,
    processes: int = 1,
    first: int = 0,
    progress: None | (Callable[[IndexedTar], None]) = None
) -> list[IndexedTar]:
    """Save an index of every tar that has none that fits.

    Each index is written as soon as it is made, so that an interrupted run
    goes on where it was, and several runs may work on the same tars.

    Args:
        tars: Paths.
        index_dir: Folder of the indices; beside the tars without it.
        strict: See :func:`build_tar_index`.
        processes: How many tars are read at a time.
        first: Begin with this one and go round, so that runs on the same
            tars share the work when they begin apart.
        progress: Called with every tar as it is done.

    Returns:
        list[IndexedTar]: In the order of ``tars``. A tar that cannot be
        indexed does not stop the others.
    """
    order = [*range(first, len(tars)), *range(first)]
    done: list[IndexedTar | None] = [None] * len(tars)
    for place, result in _run([(os.fspath(tars[i]), index_dir, strict)
                               for i in order], processes):
        done[order[place]] = result
        if progress is not None:
            progress(result)
    return [each for each in done if each is not None]


def _run(jobs: list[tuple],
         processes: int) -> Iterator[tuple[int, IndexedTar]]:
    if processes <= 1 or len(jobs) <= 1:
        for place, job in enumerate(jobs):
            yield place, _index_one(*job)
        return
    # a spawned process would import torch and MMSegmentation first
    method = 'fork' if 'fork' in multiprocessing.get_all_start_methods() \
        else None
    with ProcessPoolExecutor(
            min(processes, len(jobs)),
            mp_context=multiprocessing.get_context(method),
            initializer=exit_with_parent) as pool:
        futures = {
            pool.submit(_index_one, *job): place
            for place, job in enumerate(jobs)
        }
        for future in as_completed(futures):
            yield futures[future], future.result()


def _index_one(tar: str, index_dir: PathLike | None,
               strict: bool) -> IndexedTar:
    path = index_path(tar, index_dir)
    try:
        index = load_tar_index(tar, path, counts_only=True)
        built = index is None or bool(strict and index.counts.damage)
        if built:
            index = build_tar_index(tar, strict)
            try:
                index.save(path)
            except OSError as error:
                raise TarIndexError(
                    f'{path} cannot be written ({error}). Name another folder '
                    'for the indices with index_dir') from None
    except (OSError, TarIndexError) as error:
        return IndexedTar(tar, False, TarCounts(), str(error))
    return IndexedTar(tar, built, index.counts)
