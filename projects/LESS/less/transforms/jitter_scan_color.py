"""Color augmentation."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class JitterScanColor(BaseTransform):
    """Random brightness and white balance of a scan.

    All colors are multiplied by one factor, and each channel by another
    one, as another lamp or another camera would do. Neither the paper nor
    the released code does this; it helps small data. To be placed before
    ``NormalizeScanColor``.

    Random numbers come from NumPy's global generator, which the data set
    seeds for each sample.

    Required keys: ``points`` (N, 6) with colors in [0, 255].

    Args:
        brightness: The common factor is drawn from 1 +- this.
        balance: The factor of each channel is drawn from 1 +- this. Keep it
            small where sentences name colors.
    """

    def __init__(self, brightness: float = 0.2, balance: float = 0.05) -> None:
        if not (0 <= brightness < 1 and 0 <= balance < 1):
            raise ValueError('brightness and balance must be in [0, 1), but '
                             f'are {brightness} and {balance}')
        self.brightness = brightness
        self.balance = balance

    def transform(self, results: dict) -> dict:
        """Change the colors of one scan."""
        points = results['points']
        gain = 1 + np.random.uniform(-self.brightness, self.brightness)
        gains = gain * (1 + np.random.uniform(-self.balance, self.balance, 3))
        points.color = (points.color * points.tensor.new_tensor(gains)).clamp(
            0, 255)
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(brightness={self.brightness}, '
                f'balance={self.balance})')
