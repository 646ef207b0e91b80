"""Loss of masks against the pseudo-masks that they are matched with."""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor

from .mask_matcher import MaskMatcher
from .matched_masks import matched_mask_losses


@MODELS.register_module()
class PseudoMaskLoss(BaseModule):
    """Dice and focal loss of matched masks (L_mask; S-Seg, Sec. 3).

    Hungarian matching by the same two terms, for each decoder layer apart.
    Masks that are left over get no loss, and a gradient of exactly zero. The
    focal loss (alpha 0.25, gamma 2) is a mean over the pixels, dice is
    smoothed by 1, as in MaskFormer. Pixels without a cluster are outside of
    all masks. Computed in float32.

    Args:
        dice_weight (float): Weight of dice, in matching and in the loss.
        focal_weight (float): Weight of the focal loss, likewise.
        deep_supervision (bool): Whether the masks of all given decoder layers
            count, or those of the last one only.
        normalization (str): 'num_masks': the sum over the matched masks is
            divided by their number, averaged over the processes and at least
            1, as in MaskFormer. 'per_image': each image that has pseudo-masks
            counts the same, however many it has.
        upsample (bool): Whether masks are enlarged to the label maps, as in
            MaskFormer. By default label maps are sampled at the pixels of the
            masks, stride 4, which takes a sixteenth of the work; pseudo-masks
            of a ViT with patches of 8 pixels hold nothing finer. Matching
            always does that, as in MaskFormer.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 dice_weight: float = 1.,
                 focal_weight: float = 20.,
                 deep_supervision: bool = True,
                 normalization: str = 'num_masks',
                 upsample: bool = False,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if normalization not in ('num_masks', 'per_image'):
            raise ValueError("normalization must be 'num_masks' or "
                             f"'per_image', got {normalization!r}")
        self.dice_weight = dice_weight
        self.focal_weight = focal_weight
        self.deep_supervision = deep_supervision
        self.normalization = normalization
        self.upsample = upsample
        self.matcher = MaskMatcher(dice_weight, focal_weight)

    def forward(self, mask_logits: Sequence[Tensor],
                label_maps: Tensor) -> dict[str, Tensor]:
        """Compare predicted masks with label maps.

        Args:
            mask_logits (Sequence[Tensor]): Of L decoder layers, the last one
                last, each (B, N, h, w).
            label_maps (Tensor): Integer (B, H, W): cluster numbers 0..K-1 of
                the image, gaps allowed, and 255 for none.

        Returns:
            dict: 'loss_dice' and 'loss_focal' of the last layer, weighted
            scalars, float32; 'd0.loss_dice', 'd0.loss_focal', ... of the
            others. Zeros if no image has a cluster.
        """
        layers = mask_logits if self.deep_supervision else mask_logits[-1:]
        sampled = _sample(label_maps, layers[-1].shape[-2:])
        labels = label_maps if self.upsample else sampled
        present = _present(labels)
        matches = self.matcher(layers, sampled, present)
        weights = self._weights(matches.images, len(present))
        losses = {}
        for i, logits in enumerate(layers):
            dice, focal = matched_mask_losses(logits, labels, matches.images,
                                              matches.queries[i],
                                              matches.clusters[i])
            prefix = '' if i == len(layers) - 1 else f'd{i}.'
            losses[prefix + 'loss_dice'] = \
                self.dice_weight * (dice * weights).sum()
            losses[prefix + 'loss_focal'] = \
                self.focal_weight * (focal * weights).sum()
        return losses

    def _weights(self, images: Tensor, batch: int) -> Tensor:
        """Factors of the pairs of these images, (M,), for a sum over them."""
        weights = torch.ones_like(images, dtype=torch.float32)
        if self.normalization == 'per_image':
            pairs = weights.new_zeros(batch).index_add_(0, images, weights)
            weights = 1 / pairs[images]
        total = weights.sum()
        all_reduce(total, 'mean')
        return weights / total.clamp(min=1)


def _sample(labels: Tensor, size: Sequence[int]) -> Tensor:
    """Labels in the middle of each cell, (B, H, W) -> (B, *size).

    That is where the logits of a cell are meant: they are enlarged without
    aligned corners.
    """
    rows, columns = ((2 * torch.arange(new, device=labels.device) + 1) * old //
                     (2 * new) for new, old in zip(size, labels.shape[-2:]))
    return labels[:, rows[:, None], columns]


def _present(labels: Tensor) -> np.ndarray:
    """Which clusters 0..K-1 each image has, bool (B, K)."""
    # a column for each label, and one on either side for wrong ones
    table = torch.zeros((len(labels), 258),
                        dtype=torch.bool,
                        device=labels.device)
    table.scatter_(1, labels.flatten(1).long().clamp(-1, 256) + 1, True)
    table = table.cpu().numpy()
    if table[:, [0, -1]].any():
        raise ValueError('label_maps has values that are neither cluster '
                         'numbers 0..254 nor 255, which stands for none')
    clusters = table[:, 1:-2]
    used = np.flatnonzero(clusters.any(0))
    return clusters[:, :used.max(initial=-1) + 1]
