"""The sampler that tells the dataset the epoch."""
from __future__ import annotations
from collections.abc import Iterator

from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS

from .seeding import SeededSampleMixin


@DATA_SAMPLERS.register_module()
class EpochSampler(DefaultSampler):
    """MMEngine's default sampler with the epoch in the index.

    Yields ``index + epoch * len(dataset)``, from which a dataset with
    :class:`SeededSampleMixin` seeds its pipeline. The epoch must travel with
    the index, because persistent workers hold an old copy of the dataset.

    Args: Same as :class:`mmengine.dataset.DefaultSampler`.
    """

    virtual_indices = True

    def __init__(self,
                 dataset: SeededSampleMixin,
                 shuffle: bool = True,
                 seed: int | None = None,
                 round_up: bool = True) -> None:
        if not getattr(dataset, 'virtual_indices', False):
            raise TypeError(
                f'EpochSampler needs a dataset with SeededSampleMixin, but '
                f'got {type(dataset).__name__}: put '
                "dict(type='SeededDataset', dataset=...) around it")
        super().__init__(dataset, shuffle, seed, round_up)
        if seed is not None:  # now: workers may start ahead of the training
            dataset.sample_seed = seed

    def __iter__(self) -> Iterator[int]:
        offset = self.epoch * len(self.dataset)
        return (offset + index
                for index in super(EpochSampler, self).__iter__())
