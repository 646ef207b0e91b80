"""The objects of scans, in a form in which masks are compared quickly."""
from __future__ import annotations
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from mmlangseg.io.annotations import AnnotationError
from ..scans.files import POINT_BYTES, ScanInfo, read_instances, read_points

_MAX_TABLE = 1 << 20  # labels that are indices of a table as they are


class ScanTruth:
    """The objects of one scan.

    Args:
        info: Where the scan lies.

    Raises:
        AnnotationError: The scan has no labels.
        ValueError: A file is damaged.
    """

    def __init__(self, info: ScanInfo) -> None:
        if info.instances_path is None:
            raise AnnotationError(
                f'scan {info.scene_id} has no labels, as in the test set of '
                'ScanNet, so that predictions for it cannot be scored')
        self._info = info
        size = os.path.getsize(info.points_path)
        labels = read_instances(info.instances_path, size // POINT_BYTES)
        self._number_of = {}
        if labels.max() >= _MAX_TABLE:  # numbered anew
            known, labels = np.unique(labels, return_inverse=True)
            self._number_of = dict(zip(known.tolist(), range(len(known))))
        # of half the size where that holds them: masks are read out of it
        kind = np.uint16 if labels.max() < 1 << 16 else np.int32
        self._numbers = labels.astype(kind)
        # as a list, for single numbers are asked for
        self._sizes = np.bincount(labels).tolist()

    @property
    def num_points(self) -> int:
        """N."""
        return len(self._numbers)

    def compare(self, indices: np.ndarray,
                object_ids: Sequence[int]) -> tuple[int, int, int]:
        """Count the points of a predicted mask and of objects.

        Args:
            indices: (K, ) of the points predicted, each once.
            object_ids: The objects meant.

        Returns:
            tuple[int, int, int]: Intersection, union, points of the objects.
        """
        found = self._numbers[indices]
        inter = size = 0
        for target in self._find(object_ids):
            inter += np.count_nonzero(found == target)
            size += self._sizes[target]
        return inter, len(indices) + size - inter, size

    def boxes(self, object_ids: Sequence[int]) -> np.ndarray:
        """Axis-aligned boxes of objects in the aligned scan.

        Returns:
            np.ndarray: (n, 2, 3) float64, minimum and maximum in meters.
        """
        return self._boxes[self._find(object_ids)]

    @cached_property
    def _boxes(self) -> np.ndarray:
        matrix = self._info.axis_align_matrix
        points = read_points(self._info.points_path)[:, :3].astype(np.float64)
        points = points @ matrix[:3, :3].T + matrix[:3, 3]
        points = points[np.argsort(self._numbers, kind='stable')]
        sizes = np.array(self._sizes)
        present = np.flatnonzero(sizes)
        starts = (sizes.cumsum() - sizes)[present]
        boxes = np.full((len(sizes), 2, 3), np.nan)
        boxes[present, 0] = np.minimum.reduceat(points, starts)
        boxes[present, 1] = np.maximum.reduceat(points, starts)
        return boxes

    def _find(self, object_ids: Sequence[int]) -> list[int]:
        found = [i + 1 for i in object_ids]
        if self._number_of:
            found = [self._number_of.get(i, len(self._sizes)) for i in found]
        for i, number in zip(object_ids, found):
            if number >= len(self._sizes) or not self._sizes[number]:
                raise AnnotationError(
                    f'scan {self._info.scene_id}: object {i} has no points '
                    f'in {self._info.instances_path}. Correct the annotation, '
                    'or convert the scan again')
        return found


class ScanTruths:
    """Scans that are read when they are asked for; the last ones are kept.

    Args:
        infos: By scene, see :func:`read_infos`.
        size: How many scans are kept.
    """

    def __init__(self, infos: Mapping[str, ScanInfo], size: int = 32) -> None:
        self._infos = infos
        self._size = size
        self._scans: OrderedDict[str, ScanTruth] = OrderedDict()

    def __getitem__(self, scene_id: str) -> ScanTruth:
        scan = self._scans.get(scene_id)
        if scan is None:
            scan = self._scans[scene_id] = ScanTruth(self._infos[scene_id])
        self._scans.move_to_end(scene_id)
        while len(self._scans) > self._size:
            self._scans.popitem(last=False)
        return scan
