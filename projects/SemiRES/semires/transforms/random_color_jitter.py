"""The strong view of an unlabelled image."""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from .color_jitter import OPERATIONS, jitter_float, jitter_uint8


@TRANSFORMS.register_module()
class RandomColorJitter(BaseTransform):
    """Change the colors now and then: the strong view of SemiRES.

    Brightness, contrast, saturation and hue change in random order, each by a
    factor of its own. To be placed behind ``Resize`` and
    ``RandomGaussianBlur``, in the branch of the student. Random numbers come
    from NumPy's global generator, which the data set seeds for each sample.

    Required keys: ``img`` (H, W, 3) uint8, BGR.

    Args:
        prob: Probability.
        brightness: The factor is drawn from 1 +- this.
        contrast: Likewise.
        saturation: Likewise.
        hue: The turn is drawn from +- this; 0.5 is half a turn.
        strong_from: ``'image'``: the image changes. ``'normalised'``: the
            image is normalized first and, where the colors change, clamped
            to [0, 1], as in the released code, which normalizes it twice and
            loses what is darker than the mean. ``img`` then is float32 and
            255 times the image so changed, so that the normalization of
            ``SegDataPreProcessor`` is the second one.
        mean: Of ``SegDataPreProcessor``, RGB; for ``'normalised'`` only.
        std: Of ``SegDataPreProcessor``, RGB; for ``'normalised'`` only.
    """

    def __init__(
        self,
        prob: float = 0.5,
        brightness: float = 0.25,
        contrast: float = 0.25,
        saturation: float = 0.25,
        hue: float = 0.25,
        strong_from: str = 'image',
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375)
    ) -> None:
        self.ranges = (brightness, contrast, saturation, hue)
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be between 0 and 1, but is {prob}')
        for name, value in zip(OPERATIONS, self.ranges):
            if not 0 <= value <= (0.5 if name == 'hue' else 1):
                raise ValueError(f'{name}={value} is out of range')
        if strong_from not in ('image', 'normalised'):
            raise ValueError("strong_from must be 'image' or 'normalised', "
                             f'but is {strong_from!r}')
        self.prob = prob
        self.strong_from = strong_from
        self.mean = tuple(mean)
        self.std = tuple(std)

    def transform(self, results: dict) -> dict:
        """Make the strong view of one sample."""
        order, factors = (), ()
        if np.random.rand() < self.prob:
            order = np.random.permutation(len(OPERATIONS))
            factors = np.random.uniform(-1, 1, len(OPERATIONS)) * self.ranges
            factors[:3] += 1
        results['img'] = self.strong_view(results['img'], order, factors)
        return results

    def strong_view(self, image: np.ndarray, order: Sequence[int],
                    factors: Sequence[float]) -> np.ndarray:
        """Make the strong view with given factors.

        Args:
            image: (H, W, 3) uint8, BGR.
            order: Indices into ``OPERATIONS``; empty for no change.
            factors: One of each operation, in the order of ``OPERATIONS``.

        Returns:
            (H, W, 3) BGR, uint8, or float32 if ``'normalised'``.
        """
        image = np.ascontiguousarray(image[..., ::-1])
        if self.strong_from == 'image':
            image = jitter_uint8(image, order, factors)
        else:
            mean, std = (
                torch.tensor(v).view(3, 1, 1) / 255
                for v in (self.mean, self.std))
            pixels = torch.from_numpy(image).permute(2, 0, 1) / 255
            pixels = jitter_float((pixels - mean) / std, order, factors)
            image = (pixels * 255).permute(1, 2, 0).numpy()
        return np.ascontiguousarray(image[..., ::-1])

    def __repr__(self) -> str:
        ranges = ', '.join(f'{name}={value}'
                           for name, value in zip(OPERATIONS, self.ranges))
        return (f'{self.__class__.__name__}(prob={self.prob}, {ranges}, '
                f"strong_from='{self.strong_from}')")
