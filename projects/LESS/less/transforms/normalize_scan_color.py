"""Color normalization."""
from __future__ import annotations
from collections.abc import Sequence

from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class NormalizeScanColor(BaseTransform):
    """Normalize colors: (rgb - mean) / scale.

    Required keys: ``points`` (N, 6) with colors in [0, 255].

    Args:
        mean: Mean red, green, blue; ScanNet's by default, as released.
        scale: What to divide by.
    """

    def __init__(self,
                 mean: Sequence[float] = (109.8, 97.2, 83.8),
                 scale: float = 256.0) -> None:
        self.mean = tuple(mean)
        self.scale = scale

    def transform(self, results: dict) -> dict:
        """Normalize the colors of one scan."""
        points = results['points']
        # The setter of ``points.color`` warns of values outside [0, 255].
        columns = points.attribute_dims['color']
        mean = points.tensor.new_tensor(self.mean)
        points.tensor[:, columns] = (points.color - mean) / self.scale
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(mean={self.mean}, '
                f'scale={self.scale})')
