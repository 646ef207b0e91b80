from __future__ import annotations

from mmdet3d.registry import MODELS
from mmengine.model import BaseDataPreprocessor

from .voxelize import voxelize


@MODELS.register_module()
class LESSDataPreprocessor(BaseDataPreprocessor):
    """Moves a batch to the model's device and voxelises its scenes there.

    Args:
        voxel_size (float): Edge of a voxel in meters. Defaults to 0.02, the
            value for rooms; table-top scans need a smaller one.
        non_blocking (bool): Overlap the copies with computation.
    """

    def __init__(self,
                 voxel_size: float = 0.02,
                 non_blocking: bool = False) -> None:
        super().__init__(non_blocking=non_blocking)
        if voxel_size <= 0:
            raise ValueError(f'voxel_size must be positive, got {voxel_size}')
        self.voxel_size = voxel_size

    def forward(self, data: dict, training: bool = False) -> dict:
        """Voxelise a collated batch.

        Args:
            data (dict): ``inputs['points']``: list of length B, each (N_i, 6)
                float32; ``data_samples``: list of length B.

        Returns:
            dict: The same with ``inputs['scenes']``, a list of B
            :class:`VoxelScene`.
        """
        data = self.cast_data(data)
        scenes = [
            voxelize(points, self.voxel_size)
            for points in data['inputs']['points']
        ]
        return dict(
            inputs=dict(scenes=scenes), data_samples=data.get('data_samples'))
