"""Seeded samples of data sets that know nothing of seeds."""
from __future__ import annotations
from typing import Any

from mmengine.registry import DATASETS
from torch.utils.data import Dataset

from .seeding import SeededSampleMixin


class _Wrapped(Dataset):
    """A data set that another one stands for."""

    def __init__(self, dataset: dict | Dataset) -> None:
        if isinstance(dataset, dict):
            dataset = DATASETS.build(dataset)
        self.dataset = dataset

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        if name == 'dataset' or name.startswith('__'):  # while it is copied
            raise AttributeError(name)
        return getattr(self.dataset, name)


@DATASETS.register_module()
class SeededDataset(SeededSampleMixin, _Wrapped):
    """Make each sample of any data set a function of (seed, epoch, index).

    For data sets without :class:`SeededSampleMixin`, and for wrappers such as
    MMEngine's ``ConcatDataset``, ``RepeatDataset`` and
    ``ClassBalancedDataset``, which pass plain indices on: a sample that a
    wrapper repeats is drawn anew each time. ``tools/train.py`` puts it around
    the training data where it is needed.

    Args:
        dataset: The data set, or its config. What else it has, such as
            ``metainfo``, this one has, too.
    """

    def get_data_info(self, index: int) -> dict:
        """As of the data set; the index may be virtual."""
        return self.dataset.get_data_info(index % len(self))
