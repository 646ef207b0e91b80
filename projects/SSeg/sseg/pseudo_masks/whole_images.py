"""The images of a training set, each once and whole, for the generator."""
from __future__ import annotations
from typing import NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmseg.registry import DATASETS
from torch.utils.data import Dataset

from mmlangseg.io.load_image import IMAGE_LOADERS
from ..datasets.pair_source import BrokenPairError
from .stretch import stretch_image


class WholeImage(NamedTuple):
    """An image for the generator, or why there is none.

    Attributes:
        sample_id (int): Number of the sample.
        key (str): Its name.
        pixels (np.ndarray, optional): BGR, (h, w, 3).
        fault (str): What is wrong, or nothing.
        passing (bool): Whether that is the disk or the memory, and not the
            image.
    """

    sample_id: int
    key: str
    pixels: np.ndarray | None
    fault: str
    passing: bool = False


class WholeImages(Dataset):
    """Each image of a data set as a :class:`WholeImage` of one size."""

    def __init__(self, dataset: Dataset, size: tuple[int, int]) -> None:
        self.dataset = dataset
        self.size = size

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> WholeImage:
        try:
            sample = self.dataset[index]
        except BrokenPairError as error:  # to a training also by the disk
            return WholeImage(index, '', None, str(error),
                              _is_passing(error.__cause__))
        except Exception as error:  # one bad image must not stop the others
            fault = f'sample {index}: {type(error).__name__}: {error}'
            return WholeImage(index, '', None, fault, _is_passing(error))
        if sample.get('sample_id', index) != index:
            raise RuntimeError(
                f'sample {index} of the training set has the sample_id '
                f'{sample["sample_id"]}: a cache needs one entry per sample')
        key = sample.get('key') or sample['img_path']
        return WholeImage(index, key, stretch_image(sample['img'], self.size),
                          '')


def _is_passing(error: BaseException | None) -> bool:
    """Whether the disk or the memory is to blame for an error."""
    # Pillow's OSError of a damaged file has no number
    return isinstance(error, (OSError, MemoryError)) and getattr(
        error, 'errno', 0) is not None


def image_loaders(dataset: dict) -> list[dict]:
    """The steps in the pipeline of a data set that open an image's file."""
    return [
        step for step in dataset.get('pipeline', ())
        if step['type'] in IMAGE_LOADERS
    ]


def build_whole_images(cfg: Config) -> BaseDataset:
    """The training set, each pair once, with nothing but decoding."""
    config = cfg.train_dataloader.dataset.copy()
    loaders = image_loaders(config)
    if not loaders:
        raise ValueError(f'train_dataloader.dataset.pipeline has none of '
                         f'{IMAGE_LOADERS}, which load an image')
    config.update(pipeline=loaders[:1], test_mode=True)
    config.pop('indices', None)  # the numbers are those of the whole set
    if 'sources' in config:
        config.sources = [{
            k: v
            for k, v in source.items() if k != 'weight'
        } for source in config.sources]
    return DATASETS.build(config)
