"""Image-caption pairs from several sources."""
from __future__ import annotations
import math
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.logging import print_log
from mmseg.registry import DATASETS

from mmlangseg.engine import SeededSampleMixin
from .broken_pairs import BrokenPairs
from .file_limit import raise_file_limit
from .pair_source import PAIR_SOURCES, BrokenPairError, PairSource


@DATASETS.register_module()
class ImageTextDataset(SeededSampleMixin, BaseDataset):
    """Image-caption pairs, read when they are needed.

    A sample enters the pipeline as a dict with ``img_bytes`` (bytes, the
    encoded image) or ``img_path`` (str), ``text`` (str), ``key`` (str),
    ``sample_id`` (int, number of the pair over all sources, whatever their
    weights) and ``source_sizes`` (tuple of int, pairs of each source, by
    which the number counts). Samples are functions of (seed, epoch, index),
    see :class:`SeededSampleMixin`.

    A pair that is broken (raises :class:`BrokenPairError` in its source or in
    the pipeline) is counted, reported, and replaced by another one that is a
    function of (seed, epoch, index) too. In test mode it is an error.

    Args:
        sources: Configs of :class:`PairSource`. Their key ``weight`` says
            how often an epoch sees each pair: 1 by default, 2 twice, 0.5
            every other one, the rest in the next epoch (with
            :class:`EpochSampler`).
        data_root: Root of the paths in the sources.
        pipeline: Transforms.
        test_mode: Whether this is for testing.
        indices: Use only these samples, or the first so many.
        lazy_init: Put off looking for the pairs.
        max_refetch: So many pairs in a row may be broken.

    Raises:
        FileNotFoundError: There is no pair where a source should be.
        ValueError: A source is malformed.
    """

    METAINFO = dict(dataset='image-caption pairs')

    def __init__(self,
                 sources: Sequence[dict],
                 data_root: str = '',
                 pipeline: Sequence[dict] = (),
                 test_mode: bool = False,
                 indices: int | Sequence[int] | None = None,
                 lazy_init: bool = False,
                 max_refetch: int = 100) -> None:
        if not sources or isinstance(sources, dict):
            raise ValueError('sources must be a list of at least one source, '
                             f'but is {sources!r}')
        raise_file_limit()  # before workers start, which inherit it
        self.sources: list[PairSource] = []
        self.weights: list[float] = []
        for config in sources:
            config = {'data_root': data_root, **config}
            weight = config.pop('weight', 1)
            if not 0 < weight < math.inf:
                raise ValueError(f'the weight {weight} of {config} must be '
                                 'positive; leave out what is not wanted')
            self.sources.append(PAIR_SOURCES.build(config))
            self.weights.append(weight)
        self.broken = BrokenPairs()
        self._broken_in_a_row = 0
        super().__init__(
            data_root=data_root,
            pipeline=list(pipeline),
            # The list of samples is a range, which needs no memory.
            serialize_data=False,
            test_mode=test_mode,
            indices=indices,
            lazy_init=lazy_init,
            max_refetch=max_refetch)

    def load_data_list(self) -> range:
        """Numbers of the samples of an epoch."""
        sizes, draws = [], []
        for source, weight in zip(self.sources, self.weights):
            found = source.load()
            draws.append(max(1, round(weight * len(source))))
            sizes.append(len(source))
            print_log(
                f'{type(source).__name__}: {found}' +
                (f'; {draws[-1]} per epoch' if weight != 1 else ''),
                logger='current')
        self.source_sizes = tuple(sizes)
        # pairs and samples before each source
        self._first_pairs = np.cumsum([0] + sizes).tolist()
        self._first_samples = np.cumsum([0] + draws).tolist()
        return range(self._first_samples[-1])

    def __getitem__(self, index: int) -> dict:
        self._broken_in_a_row = 0
        return super().__getitem__(index)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """Read the pair of a sample.

        Raises:
            BrokenPairError: It cannot be used.
        """
        sample = self.data_list[idx]
        number = int(np.searchsorted(self._first_samples, sample, 'right')) - 1
        place = sample - self._first_samples[number]
        pair = self._draw(number, place)
        data = self.sources[number].read(pair)
        data['sample_id'] = self._first_pairs[number] + pair
        data['source_sizes'] = self.source_sizes
        return data

    def _draw(self, number: int, place: int) -> int:
        """Pair of a source that its sample ``place`` is in this epoch."""
        pairs = len(self.sources[number])
        draws = self._first_samples[number + 1] - self._first_samples[number]
        if draws % pairs == 0:
            return place % pairs
        # Counted through all epochs, in steps that spread over the source.
        return (self.sample_epoch * draws + place) * _step(pairs) % pairs

    def prepare_data(self, idx: int) -> dict | None:
        """Read a sample and run the pipeline.

        Returns:
            dict | None: None if the pair is broken.
        """
        try:
            return super().prepare_data(idx)
        except BrokenPairError as error:
            if self.test_mode:
                raise
            self.broken.add(error)
            self._broken_in_a_row += 1
            if self._broken_in_a_row > self.max_refetch:
                raise RuntimeError(
                    f'{self._broken_in_a_row} pairs in a row are broken, the '
                    f'last: {error}. Check the sources, or the transform '
                    'that raises this') from error
            return None

    @force_full_init
    def group_starts(self) -> np.ndarray:
        """Indices at which a new run of neighbors on disk begins.

        Int64, ascending from 0. A subset by a list of indices, and a source
        of which an epoch sees a part, have one run.
        """
        if not isinstance(self.data_list, range):
            return np.zeros(1, np.int64)
        starts = []
        for number, source in enumerate(self.sources):
            first, last = self._first_samples[number:number + 2]
            repeats, rest = divmod(last - first, len(source))
            starts.append([first])
            if not rest:
                starts += [
                    first + len(source) * i + source.group_starts()
                    for i in range(repeats)
                ]
        starts = np.unique(np.concatenate(starts)) - self.data_list.start
        inside = starts[(starts > 0) & (starts < len(self))]
        return np.concatenate([[0], inside])


def _step(pairs: int) -> int:
    """A step through a ring of pairs that meets all, near the golden ratio,
    whose multiples spread evenly."""
    step = max(1, round(pairs * (math.sqrt(5) - 1) / 2))
    while math.gcd(step, pairs) > 1:
        step += 1
    return step
