"""Which predicted mask learns which pseudo-mask."""
from __future__ import annotations
from dataclasses import dataclass
from typing import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

# Elements of the mask logits that are worked on at once: intermediate results
# of so many stay in the cache of a CPU core, and still fill a GPU.
CHUNK = 2**18
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
        # Infinite logits may have got here in half precision. Their loss will
        # tell, and a gradient scaler can go on.
        costs = costs.nan_to_num(nan=1e9, posinf=1e9).cpu().numpy()
        images, queries, chosen = [], [], []
        for image, (there,
                    layers) in enumerate(zip(present, costs.swapaxes(0, 1))):
            numbers = np.flatnonzero(there)
            pairs = [
                linear_sum_assignment(cost[:, numbers]) for cost in layers
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
        images = max(1, CHUNK // logits[0].numel())
        with torch.autocast(logits.device.type, enabled=False):
            return torch.cat([
                self._costs(some.float(), _one_hot(label, clusters))
                for some, label in zip(
                    logits.split(images), labels.split(images))
            ])

    def _costs(self, logits: Tensor, one_hot: Tensor) -> Tensor:
        """(b, N, K) from logits (b, N, P) and a one-hot map (b, P, K + 1)
        with a last column of ones, which gives the sums over all pixels."""
        prob = logits.sigmoid().clamp_(min=_SMALLEST)
        log_prob = prob.log()
        sizes = one_hot[..., :-1].sum(1)[:, None]  # (b, 1, K)
        inside, area = _split(prob @ one_hot)
        dice = 1 - (2 * inside + 1) / (area + sizes + 1)
        # -log(1 - prob) is logits - log_prob
        negative, all_negative = _split(
            (logits - log_prob).mul_(prob).mul_(prob) @ one_hot)
        rest = prob.neg_().add_(1)
        positive, _ = _split(log_prob.mul_(rest).mul_(rest) @ one_hot)
        focal = 0.75 * (all_negative - negative) - 0.25 * positive
        pixels = logits.shape[-1]
        return self.dice_weight * dice + self.focal_weight / pixels * focal


def _split(sums: Tensor) -> tuple[Tensor, Tensor]:
    return sums[..., :-1], sums[..., -1:]


def _one_hot(labels: Tensor, clusters: int) -> Tensor:
    """(b, P) -> float32 (b, P, K + 1), see :meth:`MaskMatcher._costs`."""
    numbers = torch.arange(clusters + 1, device=labels.device)
    one_hot = (labels[:, None] == numbers[:, None]).float()
    one_hot[:, -1] = 1
    return one_hot.transpose(1, 2)
