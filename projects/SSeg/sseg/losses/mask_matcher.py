"""Which predicted mask learns which pseudo-mask."""
from __future__ import annotations
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmlangseg.cpu.chunks import masks_at_once, slices

# Below this, sigmoid(x) is 0 in float32.
_SMALLEST = torch.finfo(torch.float32).tiny


@dataclass
class MaskMatches:
    """M pairs of a predicted mask and a cluster, for each of L layers.

    The number of pairs of an image is the same in all layers: its clusters,
    or its queries if there are fewer.

    Attributes:
        images (Tensor): Image of each pair, ascending, int64 (M,).
        queries (Tensor): Predicted mask, int64 (L, M).
        clusters (Tensor): Number of the cluster, int64 (L, M).
    """

    images: Tensor
    queries: Tensor
    clusters: Tensor


class MaskMatcher:
    """Hungarian matching by mask costs alone (S-Seg, Sec. 3).

    The cost of a pair is that of MaskFormer without the class: ``dice_weight
    * dice + focal_weight * focal``, with dice smoothed by 1 and the focal
    loss (alpha 0.25, gamma 2) averaged over the pixels. The clusters
    partition the image, so that a product with one one-hot map gives the
    sums of all pairs of the batch.

    Args:
        dice_weight (float): Weight of the dice cost.
        focal_weight (float): Weight of the focal cost.
    """

    def __init__(self,
                 dice_weight: float = 1.,
                 focal_weight: float = 20.) -> None:
        self.dice_weight = dice_weight
        self.focal_weight = focal_weight

    @torch.no_grad()
    def __call__(self, mask_logits: Sequence[Tensor], labels: Tensor,
                 present: np.ndarray) -> MaskMatches:
        """Match the masks of all images and layers.

        Args:
            mask_logits (Sequence[Tensor]): Of L layers, each (B, N, h, w).
            labels (Tensor): Label maps, integer (B, h, w); what is no cluster
                number is outside of all masks.
            present (np.ndarray): Which clusters an image has, bool (B, K).
                The others are not matched.

        Returns:
            MaskMatches: See there.
        """
        clusters = present.shape[1]
        costs = torch.stack(
            [self.costs(logits, labels, clusters) for logits in mask_logits])
        # NaN, as from an overflow in half precision, shows in the loss. A
        # gradient scaler leaves such a step out; it must not stop here.
        costs = costs.nan_to_num(nan=1e9, posinf=1e9).cpu().numpy()
        images, queries, chosen = [], [], []
        for image, has in enumerate(present):
            numbers = np.flatnonzero(has)
            pairs = [
                linear_sum_assignment(cost[:, numbers])
                for cost in costs[:, image]
            ]
            queries.append([rows for rows, _ in pairs])
            chosen.append([numbers[columns] for _, columns in pairs])
            images += [image] * len(pairs[0][0])
        device = labels.device
        return MaskMatches(
            *(torch.from_numpy(np.asarray(x, dtype=np.int64)).to(device)
              for x in (images, np.concatenate(queries, 1),
                        np.concatenate(chosen, 1))))

    @torch.no_grad()
    def costs(self, mask_logits: Tensor, labels: Tensor,
              clusters: int) -> Tensor:
        """Costs of all pairs of a layer.

        Args:
            mask_logits (Tensor): (B, N, h, w).
            labels (Tensor): As for the call.
            clusters (int): Their number K.

        Returns:
            Tensor: (B, N, K) float32.
        """
        logits, labels = mask_logits.flatten(2), labels.flatten(1)
        batch, queries, pixels = logits.shape
        numbers = torch.arange(clusters, device=logits.device)[:, None]
        one_hot = (labels[:, None] == numbers).float()  # (B, K, P)
        rows = masks_at_once(logits.device, pixels)
        with torch.autocast(logits.device.type, enabled=False):
            sums = torch.cat([
                torch.cat([
                    _sums(logits[images, part].float(), one_hot[images])
                    for part in slices(queries, rows)
                ], 2) for images in slices(batch, rows // queries)
            ])  # (B, 2K + 2, N)
            inside, area, change, outside = sums.transpose(1, 2).split(
                (clusters, 1, clusters, 1), 2)
            sizes = one_hot.sum(-1)[:, None]  # (B, 1, K)
            dice = 1 - (2 * inside + 1) / (area + sizes + 1)
            focal = (0.75 * outside - 0.25 * change) / pixels
            return self.dice_weight * dice + self.focal_weight * focal


def _sums(logits: Tensor, one_hot: Tensor) -> Tensor:
    """All that the costs are made of.

    Args:
        logits (Tensor): (b, n, P).
        one_hot (Tensor): (b, K, P).

    Returns:
        Tensor: (b, 2K + 2, n): probabilities, over each cluster and over all
        pixels; what pixels add to the focal cost inside of the mask, over
        each cluster, but for a factor of -0.25; what they cost outside of it,
        over all, but for 0.75.
    """
    prob = logits.sigmoid().clamp_(min=_SMALLEST)
    log_prob = prob.log()
    # -log(1 - prob) is logits - log_prob
    outside = (logits - log_prob).mul_(prob).mul_(prob)
    wrong = 1 - prob
    change = log_prob.mul_(wrong).mul_(wrong).add_(outside, alpha=3)
    return torch.cat([
        one_hot @ prob.transpose(1, 2),
        prob.sum(-1)[:, None],
        one_hot @ change.transpose(1, 2),
        outside.sum(-1)[:, None],
    ], 1)
