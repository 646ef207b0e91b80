"""A part of a data set that stands for the whole."""
from __future__ import annotations

import numpy as np
from mmengine.dataset import BaseDataset


def keep_evenly_spaced(dataset: BaseDataset, number: int) -> None:
    """Leave ``number`` evenly spaced samples, or all if there are no more.

    Before a dataloader is built: its sampler notes the length, and would
    repeat a part of the samples up to it.

    Args:
        dataset: Is changed.
        number: Of samples, at least 1.
    """
    if number < len(dataset):
        chosen = np.linspace(0, len(dataset) - 1, number).round().astype(int)
        dataset.get_subset_(chosen.tolist())
