"""Images on their way into a model."""
from __future__ import annotations
import os
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose

from mmlangseg.io.images import read_image
from mmlangseg.io.load_image import IMAGE_LOADERS
from mmlangseg.io.whole_image import is_whole_image
from .model import test_dataset


def open_image(
        image: str | os.PathLike | np.ndarray) -> tuple[str, np.ndarray]:
    """Take an image as users give it.

    Args:
        image: File of the image, turned as its EXIF data say, or uint8 RGB
            (H, W, 3).

    Returns:
        tuple: Its name without folder and suffix, ``'image'`` for an array,
        and the pixels, uint8 RGB (H, W, 3).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no image that can be used, or the array is not one.
    """
    if not isinstance(image, np.ndarray):
        if '://' not in str(image) and not os.path.isfile(image):
            raise FileNotFoundError(f'image {image} does not exist')
        return Path(image).stem, read_image(str(image))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError('an image must be uint8 RGB of the shape (H, W, 3), '
                         f'not {image.dtype} {image.shape}')
    return 'image', image


def image_pipeline(config: Config) -> Compose:
    """The test pipeline of a config for images without annotations.

    It is that of ``test_dataloader`` or, in the config of a training without
    tests, ``test_pipeline``. It takes ``img``, uint8 BGR (H, W, 3), and what a
    transform wants besides. An image that it crops or pads is a ValueError.

    Raises:
        ValueError: The config has neither.
    """
    steps: list = image_steps(config)
    packs = [i for i, step in enumerate(steps) if 'Pack' in step['type']]
    steps.insert(packs[0] if packs else len(steps), _keep_whole_image)
    return Compose(steps)


def _keep_whole_image(results: dict) -> dict:
    """Refuse what predictions could not be brought back from: they are
    stretched over the image."""
    if not is_whole_image(results):
        raise ValueError(
            'the test pipeline of the config crops or pads images, or resizes '
            'them twice, so that masks cannot be brought back to them: leave '
            'padding to test_cfg of the model\'s data_preprocessor, such as '
            'dict(size=(480, 480)), which predictions undo')
    return results


def image_steps(config: Config) -> list[dict]:
    """The configs of the transforms of :func:`image_pipeline`."""
    if config.get('test_dataloader') is not None:
        steps = test_dataset(config).pipeline
    elif config.get('test_pipeline') is not None:
        steps = config.test_pipeline
    else:
        raise ValueError(
            f'{config.filename or "the config"} has neither test_dataloader '
            'nor test_pipeline, which say how images are prepared: add the '
            "test_pipeline that the model's test images go through")
    transforms = []
    for transform in steps:
        kind = transform['type'].split('.')[-1]
        if kind in IMAGE_LOADERS:
            transforms.append(dict(type='LoadImageFromNDArray'))
        elif not kind.startswith('Load'):  # else annotations
            transforms.append(transform)
    return transforms
