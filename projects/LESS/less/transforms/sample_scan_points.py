"""Choosing some of the points of a scan."""
from __future__ import annotations

import numpy as np
from mmdet3d.datasets.transforms import PointSample
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SampleScanPoints(PointSample):
    """Choose points of large scans, each at most once.

    A scan of no more than ``num_points`` points stays as it is. MMDetection3D
    brings every scan to the same size: it draws from a small one with
    replacement, which loses up to 37 % of the points, and small objects with
    them. Scans of different sizes may be in one batch here.

    An object that a sentence means keeps a point at least: of 2 million
    points, of which 15,000 are chosen, one of 200 points would be lost in
    every fifth sample, and its sentence taught to mean nothing.

    Required keys: ``points``; maybe ``pts_instance_mask`` (N,), object id +
    1, and ``expressions`` (dicts with ``object_ids``). Changed keys: the first
    two, and ``pts_semantic_mask``.

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
        points = results['points']
        if len(points) <= self.num_points:
            return results
        _, chosen = self._points_random_sampling(
            points, self.num_points, self.sample_range, return_choices=True)
        if 'pts_instance_mask' in results:
            targets = [
                i + 1 for expression in results.get('expressions', ())
                for i in expression['object_ids']
            ]
            _keep_objects(chosen, results['pts_instance_mask'], targets)
        results['points'] = points[chosen]
        for key in ('pts_instance_mask', 'pts_semantic_mask'):
            if key in results:
                results[key] = results[key][chosen]
        return results


def _keep_objects(chosen: np.ndarray, labels: np.ndarray,
                  wanted: list[int]) -> None:
    """Put a point of each object that has none into the place of others.

    Args:
        chosen: Indices of the chosen points, is changed.
        labels: (N,) of all points.
        wanted: Labels that must be among those of the chosen ones.
    """
    found = labels[chosen]
    lost = sorted(set(wanted) - set(np.unique(found).tolist()))
    if not lost:
        return
    free = np.flatnonzero(~np.isin(found, wanted))
    for place, label in zip(np.random.permutation(free), lost):
        members = np.flatnonzero(labels == label)
        if len(members):
            chosen[place] = np.random.choice(members)
