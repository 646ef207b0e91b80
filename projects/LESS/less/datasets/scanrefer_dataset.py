"""Scans with referring expressions."""
from __future__ import annotations
import pickle
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from mmdet3d.registry import DATASETS
from mmengine.dataset import BaseDataset
from mmengine.fileio import join_path

from mmlangseg.engine import SeededSampleMixin
from mmlangseg.io.annotations import AnnotationError
from ..scans.files import (ScanInfo, object_ids_in, read_infos, read_instances,
                           read_points)
from ..scans.frame import check_alignment
from .annotations import read_annotations


class Scan(NamedTuple):
    """A processed scan.

    Attributes:
        points: (N, 6) float32, x y z in meters, r g b in [0, 255].
        instances: (N,) int64, object id + 1, 0 = no object.
        object_ids: Ids of the objects that have points.
    """

    points: np.ndarray
    instances: np.ndarray
    object_ids: frozenset[int]


class ScanCache:
    """The scans read last, at most ``size`` of them.

    A copy sent to a data-loading worker starts empty, so that every worker
    has its own bounded cache.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._scans: OrderedDict[str, Scan] = OrderedDict()

    def __len__(self) -> int:
        return len(self._scans)

    def __getstate__(self) -> dict:
        return dict(size=self.size, _scans=OrderedDict())

    def read(self, info: ScanInfo) -> Scan:
        """Read a scan, or take it from the cache; its arrays are copies."""
        scan = self._scans.get(info.points_path)
        if scan is None:
            assert info.instances_path is not None  # see load_data_list
            points = read_points(info.points_path)
            instances = read_instances(info.instances_path, len(points))
            ids = frozenset(object_ids_in(instances).tolist())
            # Labels are small numbers: half the memory will do.
            scan = Scan(points, instances.astype(np.int32), ids)
            self._scans[info.points_path] = scan
        self._scans.move_to_end(info.points_path)
        while len(self._scans) > self.size:
            self._scans.popitem(last=False)
        return Scan(scan.points.copy(), scan.instances.astype(np.int64),
                    scan.object_ids)


@DATASETS.register_module()
class ScanReferDataset(SeededSampleMixin, BaseDataset):
    """Scans, each with one or several referring expressions.

    A sample is one scan with ``expressions_per_scene`` of its expressions,
    so that what depends on the scan alone is done once. In training the
    expressions of a scan are dealt anew to its samples in every epoch, each
    exactly once; in test mode they keep the order of the file. Samples are
    functions of (seed, epoch, index), see :class:`SeededSampleMixin`.

    A sample enters the pipeline as a dict with

    - ``scene_id``: str,
    - ``points``: (N, 6) float32, x y z in meters (not aligned) and r g b in
      [0, 255], to be picked up by ``LoadPointsFromDict``,
    - ``pts_instance_mask``: (N,) int64, object id + 1, 0 = no object,
    - ``axis_align_matrix``: (4, 4) float64,
    - ``expressions``: list of E dicts ``text``, ``description``,
      ``object_ids``, those of the mask, ``named_ids``, those of the file,
      ``object_name``, ``ann_id``, ``groups``.

    Args:
        ann_file: Annotation file made by ``tools/dataset_converters``, or a
            raw ScanRefer JSON; relative to ``data_root``.
        info_file: Info file of the split, relative to ``data_root``.
        data_root: Root of the processed scans.
        data_prefix: Folders ``pts`` and ``pts_instance_mask`` under
            ``data_root``.
        expressions_per_scene: Most expressions in one sample.
        text: What the model reads: ``'token'``, the lower-case tokens joined
            by blanks (as released), or ``'description'``, the raw sentence.
        cache_scenes: Number of scans each worker keeps in memory.
        pipeline: Transforms.
        test_mode: Whether this is for testing.
        indices: Use only these samples, or the first so many.
        lazy_init: Put off reading the annotations.

    Raises:
        AnnotationError: The annotation file is malformed, names a scan that
            the info file does not have, has without labels, or distorts (all
            when it is read), or an object without points (when the sample is
            read).
        ValueError: A scan or an info file is damaged.
    """

    METAINFO = dict(dataset='ScanRefer')

    def __init__(self,
                 ann_file: str,
                 info_file: str,
                 data_root: str = '',
                 data_prefix: dict[str, str] | None = None,
                 expressions_per_scene: int = 1,
                 text: str = 'token',
                 cache_scenes: int = 16,
                 pipeline: list[dict] | None = None,
                 test_mode: bool = False,
                 indices: int | None = None,
                 lazy_init: bool = False) -> None:
        if expressions_per_scene < 1:
            raise ValueError('expressions_per_scene must be at least 1, but '
                             f'is {expressions_per_scene}')
        if text not in ('token', 'description'):
            raise ValueError(
                f"text must be 'token' or 'description', but is {text!r}")
        self.info_file = join_path(data_root, info_file)
        self.expressions_per_scene = expressions_per_scene
        self.text = text
        self._cache = ScanCache(cache_scenes)
        self._scenes: list[bytes] = []
        prefix = dict(pts='points', pts_instance_mask='instance_mask')
        strange = sorted((data_prefix or {}).keys() - prefix.keys())
        if strange:
            raise ValueError(f'data_prefix has no {strange[0]!r}, only '
                             f'{sorted(prefix)}')
        prefix.update(data_prefix or {})
        self._folders = prefix
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=prefix,
            pipeline=pipeline or [],
            test_mode=test_mode,
            indices=indices,
            lazy_init=lazy_init)

    def load_data_list(self) -> list[dict]:
        """One entry per sample: the scan, its expressions, the chunk."""
        metainfo, rows = read_annotations(self.ann_file)
        self._metainfo.update(metainfo)
        infos = read_infos(self.info_file, self.data_root,
                           self._folders['pts'],
                           self._folders['pts_instance_mask'])
        scenes: dict[str, list[dict]] = {}
        for index, row in enumerate(rows):
            scene_id = row['scene_id']
            if scene_id not in infos:
                raise AnnotationError(
                    f'{self.ann_file}, row {index}: scene {scene_id!r} is '
                    f'not in {self.info_file}. Convert the scan, or use the '
                    'annotations of the same split')
            if scene_id not in scenes:
                self._check_info(infos[scene_id])
            scenes.setdefault(scene_id, []).append(
                self._expression(row, infos[scene_id]))
        # Pickled, so that workers share the memory (reference counts of many
        # small objects would copy it page by page).
        self._scenes = [
            pickle.dumps((infos[scene_id], expressions))
            for scene_id, expressions in scenes.items()
        ]
        data_list = []
        for scene, expressions in enumerate(scenes.values()):
            chunks = -(-len(expressions) // self.expressions_per_scene)
            data_list += [
                dict(scene=scene, chunk=chunk, chunks=chunks)
                for chunk in range(chunks)
            ]
        return data_list

    def _check_info(self, info: ScanInfo) -> None:
        if info.instances_path is None:
            raise AnnotationError(
                f'{self.info_file}: scan {info.scene_id} has no labels, as '
                'in the test set of ScanNet, so that sentences about it '
                'cannot be scored. Use tools/infer.py for it')
        try:
            check_alignment(info.axis_align_matrix)
        except ValueError as error:
            raise AnnotationError(
                f'{self.info_file}, axis_align_matrix of {info.scene_id}: '
                f'{error}. Make the file again with the dataset converter'
            ) from None

    def _expression(self, row: dict, info: ScanInfo) -> dict:
        words = ' '.join(row['token'])
        return dict(
            text=words if self.text == 'token' else row['description'],
            description=row['description'],
            named_ids=row['object_ids'],
            object_ids=info.first_ids(row['object_ids']),
            object_name=row['object_name'],
            ann_id=row['ann_id'],
            groups=row['groups'])

    def get_data_info(self, idx: int) -> dict:
        """The sample's annotation, with the scan's arrays."""
        data = super().get_data_info(idx)
        scene = data.pop('scene')
        info, expressions = pickle.loads(self._scenes[scene])
        order = np.arange(len(expressions))
        if not self.test_mode:
            # the same for all samples of a scan
            seed = (self.sample_seed, self.sample_epoch, scene)
            order = np.random.default_rng(seed).permutation(order)
        chosen = np.array_split(order, data.pop('chunks'))[data.pop('chunk')]
        expressions = [expressions[i] for i in chosen]
        scan = self._cache.read(info)
        for expression in expressions:
            self._check_targets(info, scan, expression)
        data.update(
            scene_id=info.scene_id,
            points=scan.points,
            pts_instance_mask=scan.instances,
            lidar_path=info.points_path,
            pts_instance_mask_path=info.instances_path,
            axis_align_matrix=info.axis_align_matrix,
            expressions=expressions)
        return data

    def _check_targets(self, info: ScanInfo, scan: Scan,
                       expression: dict) -> None:
        absent = set(expression['object_ids']) - scan.object_ids
        if absent:
            raise AnnotationError(
                f'{self.ann_file}: scene {info.scene_id}, ann_id '
                f'{expression["ann_id"]}: object_id {min(absent)} has no '
                f'points in {info.instances_path}. Correct "object_id", or '
                'convert the scan again')
