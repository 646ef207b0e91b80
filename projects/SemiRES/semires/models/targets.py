"""Target masks of a batch."""
from __future__ import annotations

import torch
from mmseg.structures import SegDataSample
from torch import Tensor


def stack_targets(data_samples: list[SegDataSample],
                  size: tuple[int, int]) -> Tensor:
    """Target masks of a batch.

    Args:
        data_samples (list[SegDataSample]): Of length B, with
            ``gt_sem_seg.data`` (1, H, W), 1 inside the target.
        size (tuple[int, int]): H, W of the images.

    Returns:
        Tensor: (B, H, W) int64.

    Raises:
        ValueError: A mask is absent or has another size than its image.
    """
    masks = []
    for sample in data_samples:
        if 'gt_sem_seg' not in sample:
            raise ValueError(
                f'{sample.get("img_path")} has no target mask: the training '
                'pipeline must put `gt_seg_map` into the results')
        mask = sample.gt_sem_seg.data.long()
        if mask.shape[-2:] != size:
            raise ValueError(
                f'{sample.get("img_path")}: target mask of '
                f'{tuple(mask.shape[-2:])}, image of {tuple(size)}; the '
                'training pipeline must load the mask before `Resize`')
        masks.append(mask)
    return torch.cat(masks)
