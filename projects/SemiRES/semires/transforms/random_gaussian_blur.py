"""The weak view of an unlabelled image."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image, ImageFilter


@TRANSFORMS.register_module()
class RandomGaussianBlur(BaseTransform):
    """Blur the image now and then, by Pillow's Gaussian blur.

    The weak view of SemiRES, from which the teacher reads and the strong view
    is made. Random numbers come from NumPy's global generator, which the data
    set seeds for each sample.

    Required keys: ``img`` (H, W, 3) uint8.

    Args:
        prob: Probability.
        radius: Of the blur in pixels.
    """

    def __init__(self, prob: float = 0.5, radius: float = 1.) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be between 0 and 1, but is {prob}')
        self.prob = prob
        self.radius = radius

    def transform(self, results: dict) -> dict:
        """Blur the image of one sample, or leave it."""
        if np.random.rand() < self.prob:
            image = Image.fromarray(results['img'])
            blur = ImageFilter.GaussianBlur(self.radius)
            results['img'] = np.array(image.filter(blur))
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(prob={self.prob}, '
                f'radius={self.radius})')
