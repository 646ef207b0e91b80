"""Packing of scans with referring expressions."""
from __future__ import annotations

from mmdet3d.datasets.transforms import Pack3DDetInputs
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackReferring3DInputs(Pack3DDetInputs):
    """Pack a scan, its expressions and their masks.

    Returns a dict with

    - ``inputs``: ``points``, (N, 6) float32 tensor, x y z in meters and the
      normalized colors;
    - ``data_samples``: :obj:`Det3DDataSample` with meta information
      ``scene_id`` (str) and ``expressions`` (list of E dicts), and
      ``gt_instances_3d.masks``, (E, N) bool tensor, if the scan has an
      instance mask.

    Args:
        keys: What to pack.
        meta_keys: Meta information to keep.
    """

    INSTANCEDATA_3D_KEYS = [*Pack3DDetInputs.INSTANCEDATA_3D_KEYS, 'gt_masks']

    def __init__(
        self,
        keys: tuple = ('points', 'gt_masks'),
        meta_keys: tuple = ('scene_id', 'expressions', 'lidar_path',
                            'axis_align_matrix', 'sample_idx')
    ) -> None:
        super().__init__(keys=keys, meta_keys=meta_keys)
