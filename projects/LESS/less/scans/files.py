"""Processed scans on disk, in the layout of MMDetection3D's ScanNet.

``points/<scene>.bin`` float32 (N, 6): x, y, z in meters, not axis-aligned,
red, green, blue in [0, 255]; ``instance_mask/<scene>.bin`` int64 (N,):
object id + 1, 0 = no object; ``semantic_mask/<scene>.bin`` int64 (N,): NYU40
id; and one info file per split with the axis alignment. Scans without labels
have no masks. ``duplicate_objects.json`` says which objects of ScanNet's
annotations are copies of others.
"""
from __future__ import annotations
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmlangseg.io.files import (PathLike, load_pickle_restricted, read_text,
                                resolve_inside, write_bytes, write_pickle)
from ..datasets.duplicate_objects import read_duplicate_objects

POINTS, INSTANCES, SEMANTICS = 'points', 'instance_mask', 'semantic_mask'
POINT_BYTES = 6 * 4
LABEL_BYTES = 8
MAX_LABEL = 2**31 - 1  # the data set keeps labels as int32
_SCENE_ID = re.compile(r'[A-Za-z0-9][\w.-]*')


@dataclass(frozen=True)
class ScanInfo:
    """Where a processed scan lies and how it is aligned.

    Attributes:
        scene_id: Name of the scan.
        points_path: Its points file.
        instances_path: Its instance mask file, None without labels.
        axis_align_matrix: (4, 4) float64, maps stored points to aligned ones.
        copies: Ids of objects that stand twice in ScanNet's annotations, to
            the ids that are in the instance mask.
    """

    scene_id: str
    points_path: str
    instances_path: str | None
    axis_align_matrix: np.ndarray
    copies: Mapping[int, int] = field(default_factory=dict)

    def first_ids(self, object_ids: Iterable[int]) -> list[int]:
        """Sorted ids in the instance mask of objects, copies or not."""
        return sorted({self.copies.get(i, i) for i in object_ids})


def check_scene_id(scene_id: object) -> str:
    """Return a scene name that is safe as a file name.

    Raises:
        ValueError: It is not a string of letters, digits, ``_``, ``-`` and
            ``.``.
    """
    if not isinstance(scene_id, str) or not _SCENE_ID.fullmatch(scene_id):
        raise ValueError(f'{scene_id!r} is not a scene name (letters, '
                         'digits, "_", "-", ".")')
    return scene_id


def read_scene_list(path: PathLike) -> list[str]:
    """Read the names of scans in a text file, parted by blanks or lines.

    Each comes once, in the order of the file: the sentences of a scan that
    stands there twice would count twice.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not text, or has what is no scene name.
    """
    names = read_text(path).split()
    try:
        return [check_scene_id(name) for name in dict.fromkeys(names)]
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


def scan_paths(root: PathLike, scene_id: str) -> tuple[Path, Path, Path]:
    """The points, instance and semantic files of a scan."""
    name = f'{check_scene_id(scene_id)}.bin'
    points, instances, semantics = (
        Path(root) / folder / name
        for folder in (POINTS, INSTANCES, SEMANTICS))
    return points, instances, semantics


def write_scan(root: PathLike,
               scene_id: str,
               points: np.ndarray,
               instances: np.ndarray | None = None,
               semantics: np.ndarray | None = None) -> None:
    """Write a processed scan; each file appears whole, the points last.

    Args:
        root: Data root.
        scene_id: Name of the scan.
        points: (N, 6), meters and [0, 255].
        instances: (N,) object id + 1, 0 = no object, left out if None.
        semantics: (N,) class ids, left out if None.
    """
    points_path, instances_path, semantics_path = scan_paths(root, scene_id)
    for path, labels in ((semantics_path, semantics), (instances_path,
                                                       instances)):
        if labels is not None:
            write_bytes(path, labels.astype('<i8').tobytes())
    write_bytes(points_path, points.astype('<f4').tobytes())


def scan_size(root: PathLike,
              scene_id: str,
              labelled: bool = True) -> int | None:
    """Number of points of a complete scan, None if it is not complete.

    Args:
        root: Data root.
        scene_id: Name of the scan.
        labelled: Whether an instance mask belongs to it.
    """
    points_path, instances_path, _ = scan_paths(root, scene_id)
    try:
        points_bytes = os.path.getsize(points_path)
        count = points_bytes // POINT_BYTES
        if count == 0 or points_bytes != count * POINT_BYTES:
            return None
        if labelled and os.path.getsize(instances_path) != count * LABEL_BYTES:
            return None
    except FileNotFoundError:
        return None
    return count


def _read_array(path: PathLike, dtype: str, width: int) -> np.ndarray:
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path} does not exist. Make the processed scans with '
            'tools/dataset_converters/scannet.py or own_scans.py') from None
    row = np.dtype(dtype).itemsize * width
    if not data or len(data) % row:
        raise ValueError(
            f'{path} is truncated: {len(data)} bytes are not a positive '
            f'multiple of {row}. Delete it and run the converter again')
    return np.frombuffer(data, dtype=dtype)


def read_points(path: PathLike) -> np.ndarray:
    """Read a points file.

    Returns:
        (N, 6) float32, writable.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated or holds NaN or infinity.
    """
    points = _read_array(path, '<f4', 6).reshape(-1, 6).copy()
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        raise ValueError(
            f'{path}: {int((~finite).sum())} of {len(points)} points have '
            'NaN or infinite coordinates or colors. Remove them from the '
            'scan and convert it again')
    return points


def read_instances(path: PathLike, num_points: int) -> np.ndarray:
    """Read an instance mask file.

    Returns:
        (N,) int64, object id + 1, 0 = no object, which others write as -1 or
        -100; writable.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated, does not have N entries, or has
            numbers beyond MAX_LABEL.
    """
    instances = _read_array(path, '<i8', 1).copy()
    if len(instances) != num_points:
        raise ValueError(
            f'{path} labels {len(instances)} points, but the scan has '
            f'{num_points}. Delete both files and convert the scan again')
    if instances.max(initial=0) > MAX_LABEL:
        raise ValueError(
            f'{path} has the label {instances.max()}, more than {MAX_LABEL}: '
            'number the objects anew, or, if the labels are not int64, write '
            'the file again')
    return instances.clip(min=0)


def write_infos(path: PathLike,
                alignments: dict[str, np.ndarray],
                dataset: str,
                unlabelled: Collection[str] = ()) -> None:
    """Write the info file of a split, MMDetection3D's v2 layout.

    Boxes (``instances``) are left empty: referring segmentation does not
    use them.

    Args:
        path: The file.
        alignments: (4, 4) matrix of each scan.
        dataset: Name of the data set.
        unlabelled: The scans that have no masks.
    """
    data_list = []
    for scene_id, matrix in alignments.items():
        name = f'{check_scene_id(scene_id)}.bin'
        masks = {} if scene_id in unlabelled else dict(
            pts_instance_mask_path=name, pts_semantic_mask_path=name)
        data_list.append(
            dict(
                lidar_points=dict(num_pts_feats=6, lidar_path=name),
                axis_align_matrix=np.asarray(matrix, dtype=np.float64),
                instances=[],
                **masks))
    metainfo = dict(dataset=dataset, info_version='1.1')
    write_pickle(path, dict(metainfo=metainfo, data_list=data_list))


def read_infos(path: PathLike,
               root: PathLike,
               points: str = POINTS,
               instances: str = INSTANCES) -> dict[str, ScanInfo]:
    """Read the info file of a split.

    Args:
        path: The file, written by :func:`write_infos` or MMDetection3D.
        root: Data root, with ``duplicate_objects.json`` if there are any.
        points: Folder of the points files under ``root``.
        instances: Folder of the instance masks under ``root``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not an info file, or an entry is not usable.
    """
    try:
        content = load_pickle_restricted(path, allow=('numpy', ))
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path} does not exist. Make it with '
            'tools/dataset_converters/scannet.py or own_scans.py') from None
    if not isinstance(content, dict) or not isinstance(
            content.get('data_list'), (list, tuple)):
        raise ValueError(
            f'{path} has no "data_list": it is not an info file of '
            'MMDetection3D >= 1.1. Make it again with '
            'tools/dataset_converters/scannet.py')
    copies = read_duplicate_objects(root)
    infos = {}
    for index, item in enumerate(content['data_list']):
        try:
            item = _check_item(item)
            points_name = item['lidar_points']['lidar_path']
            scene_id = check_scene_id(Path(points_name).stem)
            matrix = np.asarray(
                item.get('axis_align_matrix', np.eye(4)), dtype=np.float64)
            if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
                raise ValueError('axis_align_matrix is not a 4 x 4 matrix')
            mask_name = item.get('pts_instance_mask_path')
            infos[scene_id] = ScanInfo(
                scene_id, resolve_inside(Path(root) / points, points_name),
                None if mask_name is None else resolve_inside(
                    Path(root) / instances, mask_name), matrix,
                copies.get(scene_id, {}))
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f'{path}, data_list[{index}] is not usable: {error}. Make '
                'the file again with the dataset converter') from error
    return infos


def _check_item(item: object) -> dict:
    """Check the kinds of the fields of an entry of an info file."""
    if not isinstance(item, dict):
        raise ValueError(f'it is a {type(item).__name__}, not a dict')
    points = item.get('lidar_points')
    if not isinstance(points, dict) or not isinstance(
            points.get('lidar_path'), str):
        raise ValueError('it has no "lidar_points" with a "lidar_path"')
    mask = item.get('pts_instance_mask_path')
    if mask is not None and not isinstance(mask, str):
        raise ValueError(f'"pts_instance_mask_path" is {mask!r:.40}, not a '
                         'file name')
    return item


def object_ids_in(instances: Iterable[int]) -> np.ndarray:
    """Sorted ids of the objects that have points in an instance mask."""
    labels = np.unique(np.asarray(instances))
    return labels[labels > 0] - 1
