"""Data sets in the wrappers of a config."""
from __future__ import annotations
from collections.abc import Iterator

from mmengine.config import ConfigDict


def innermost_datasets(dataset: ConfigDict) -> Iterator[ConfigDict]:
    """Yield the configs of the data sets in wrappers such as RepeatDataset
    and ConcatDataset; of a data set without wrappers its own.

    Args:
        dataset: Of a data loader.
    """
    inner = [dataset['dataset']] if 'dataset' in dataset else dataset.get(
        'datasets', [])
    for each in inner:
        yield from innermost_datasets(each)
    if not inner:
        yield dataset
