"""Dice and focal loss of pairs of predicted masks and clusters."""
from __future__ import annotations
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmlangseg.cpu.chunks import masks_at_once, slices

# Further out, sigmoid(x) is 0 in float32. A logit that is wrong by more costs
# as if it were wrong by so much, with the right gradient.
_LARGEST = 87.


def matched_mask_losses(mask_logits: Tensor, labels: Tensor, images: Tensor,
                        queries: Tensor,
                        clusters: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of M pairs of a mask and a cluster, as MaskFormer has them.

    Masks that are in no pair get a gradient of exactly zero. The gradients of
    the others are computed together with the losses, since they share most
    intermediate results; nothing else is kept for the backward pass.

    Args:
        mask_logits (Tensor): (B, N, h, w).
        labels (Tensor): Label maps (B, H, W). The masks are enlarged to their
            size, bilinearly.
        images (Tensor): Of the pairs, int64 (M,).
        queries (Tensor): Likewise; no mask occurs twice.
        clusters (Tensor): Likewise.

    Returns:
        tuple: Dice and focal loss of each pair, float32 (M,).
    """
    with torch.autocast(mask_logits.device.type, enabled=False):
        # comparing floats is much faster on a CPU
        return _MatchedMaskLosses.apply(mask_logits, labels.float(), images,
                                        queries, clusters.float())


class _MatchedMaskLosses(torch.autograd.Function):

    @staticmethod
    def forward(ctx, mask_logits: Tensor, labels: Tensor, images: Tensor,
                queries: Tensor, clusters: Tensor) -> tuple[Tensor, Tensor]:
        masks = -mask_logits[images, queries].float()  # (M, h, w)
        masks.clamp_(-_LARGEST, _LARGEST)
        size = labels.shape[-2:]
        resize = None if size == masks.shape[-2:] else _Bilinear(masks, size)
        labels = labels.flatten(1)
        with_grad = ctx.needs_input_grad[0]
        sums = masks.new_empty((4, len(masks)))
        grads = masks.new_empty((2, *masks.shape)) if with_grad else None
        step = masks_at_once(masks.device, size.numel())
        for part in slices(len(masks), step):
            mask = masks[part] if resize is None else resize(masks[part])
            inside = labels.index_select(0, images[part])
            inside.eq_(clusters[part, None])
            sums[:, part], large = _sums_and_gradients(
                mask.flatten(1), inside, with_grad)
            if grads is not None:
                large = large.unflatten(2, size)
                grads[:, part] = large if resize is None else \
                    resize.backward(large)
        twice_overlap, wrong, focal, signed = sums
        areas = twice_overlap + wrong
        focal_inside = signed + 0.75 * focal
        focal = 0.25 * focal_inside + 0.75 * (focal - focal_inside)
        if with_grad:
            ctx.save_for_backward(grads, 1 / areas, images, queries)
            ctx.logits = (mask_logits.shape, mask_logits.dtype)
            ctx.focal_scale = -1 / size.numel()
        # 1 - twice_overlap / areas
        return wrong / areas, focal / -size.numel()

    @staticmethod
    @once_differentiable
    def backward(ctx, by_dice: Tensor, by_focal: Tensor) -> tuple:
        (dice, focal), dice_scale, images, queries = ctx.saved_tensors
        shape, dtype = ctx.logits
        by_dice, by_focal = by_dice * dice_scale, by_focal * ctx.focal_scale
        grad = dice * by_dice[:, None, None] + focal * by_focal[:, None, None]
        whole = torch.zeros(shape, dtype=dtype, device=grad.device)
        whole[images, queries] = grad.to(dtype)
        return whole, None, None, None, None


class _Bilinear:
    """Resizing as two products, whose transposes take gradients back; on a
    CPU that takes a tenth of the time of PyTorch's own backward pass."""

    def __init__(self, masks: Tensor, size: Sequence[int]) -> None:
        height, width = masks.shape[-2:]
        self.rows = self._weights(masks.new_ones(height), size[0])
        self.columns = self._weights(masks.new_ones(width), size[1])

    @staticmethod
    def _weights(ones: Tensor, size: int) -> Tensor:
        """(size, old) of one side."""
        return F.interpolate(ones.diag()[None], size, mode='linear')[0].T

    def __call__(self, masks: Tensor) -> Tensor:
        return self.rows @ (masks @ self.columns.T)

    def backward(self, grads: Tensor) -> Tensor:
        return (self.rows.T @ grads) @ self.columns


def _sums_and_gradients(negated: Tensor, inside: Tensor,
                        with_grad: bool) -> tuple[Tensor, Tensor | None]:
    """Of masks and targets, (m, P) each; overwrites both.

    All in terms of the probability p of the right answer, be it inside or
    outside of the target.

    Args:
        negated (Tensor): Negative logits of the masks.
        inside (Tensor): Targets, 0 and 1.
        with_grad (bool): Whether gradients are needed.

    Returns:
        tuple: Sums (4, m): twice the overlap of mask and target, plus 1; 1 -
        p, which is what both areas are larger by than that; (1 - p)^2 log p,
        without and with a factor of 0.25 inside and -0.75 outside. If asked
        for, the gradients (2, m, P) by the logits, of dice times the areas
        plus 1 and of the focal loss times -P.
    """
    # the logit inside, the negative one outside
    right = negated.addcmul_(negated, inside, value=-2).sigmoid_()
    log_right = right.log()
    wrong = 1 - right

    twice_overlap = torch.linalg.vecdot(right, inside).mul_(2).add_(1)
    all_wrong = wrong.sum(1)
    if with_grad:
        grads = right.new_empty((2, *right.shape))
        share = twice_overlap / (twice_overlap + all_wrong)
        torch.sub(share[:, None], inside, alpha=2, out=grads[0])
        grads[0].mul_(right).mul_(wrong)

    squared = wrong * wrong
    focal = torch.linalg.vecdot(squared, log_right)
    squared.mul_(inside.sub_(0.75))
    signed = torch.linalg.vecdot(squared, log_right)
    sums = torch.stack([twice_overlap, all_wrong, focal, signed])
    if not with_grad:
        return sums, None
    wrong.addcmul_(log_right, right, value=-2)
    torch.mul(wrong, squared, out=grads[1])
    return sums, grads
