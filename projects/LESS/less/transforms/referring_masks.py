"""From instance labels to one binary mask per expression."""
from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BuildReferringMasks(BaseTransform):
    """Make one mask per expression: the union of its target objects.

    An expression without target gets an empty mask. A scan without instance
    mask (inference) passes unchanged.

    Required keys: ``expressions`` (E dicts with ``object_ids``), maybe
    ``pts_instance_mask`` (N,) int64, object id + 1, 0 = no object.

    Added keys: ``gt_masks`` (E, N) bool tensor.
    """

    def transform(self, results: dict) -> dict:
        """Build the masks of one sample."""
        if 'pts_instance_mask' not in results:
            return results
        instances = np.asarray(results['pts_instance_mask'])
        masks = np.stack([
            np.isin(instances,
                    np.asarray(item['object_ids'], dtype=np.int64) + 1)
            for item in results['expressions']
        ])
        results['gt_masks'] = torch.from_numpy(masks)
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'
