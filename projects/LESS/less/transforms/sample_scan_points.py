"""Choosing some of the points of a scan."""
from __future__ import annotations

from mmdet3d.datasets.transforms import PointSample
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SampleScanPoints(PointSample):
    """Choose points of large scans, each at most once.

    A scan of no more than ``num_points`` points stays as it is. MMDetection3D
    brings every scan to the same size: it draws from a small one with
    replacement, which loses up to 37 % of the points, and small objects with
    them. Scans of different sizes may be in one batch here.

    Args:
        num_points: Most points of a scan.
        sample_range: See mmdet3d's ``PointSample``.
    """

    def __init__(self,
                 num_points: int,
                 sample_range: float | None = None) -> None:
        super().__init__(num_points, sample_range)

    def transform(self, results: dict) -> dict:
        """Choose points of one scan, with their labels."""
        if len(results['points']) <= self.num_points:
            return results
        return super().transform(results)
