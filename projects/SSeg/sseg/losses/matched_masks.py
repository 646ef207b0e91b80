"""Dice and focal loss of pairs of predicted masks and clusters."""
from __future__ import annotations
from typing import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..models.mask_matcher import elements_at_once

# Smallest probability: a logit that is wrong by more than 87 costs as if it
# were wrong by 87, with the right gradient.
_SMALLEST = torch.finfo(torch.float32).tiny


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
        size = labels.shape[-2:]
        resize = None if size == masks.shape[-2:] else _Bilinear(masks, size)
        labels = labels.flatten(1)
        with_grad = ctx.needs_input_grad[0]
        sums = masks.new_empty((4, len(masks)))
        grads = masks.new_empty((2, *masks.shape)) if with_grad else ()
        step = max(1, elements_at_once(masks.device) // size.numel())
        for start in range(0, len(masks), step):
            part = slice(start, start + step)
            mask = masks[part] if resize is None else resize(masks[part])
            inside = labels.index_select(0, images[part])
            inside.eq_(clusters[part, None])
            sums[:, part], *parts = _sums_and_gradients(
                mask.flatten(1), inside, with_grad)
            for grad, by_mask in zip(grads, parts):
                by_mask = by_mask.view_as(mask)
                grad[part] = by_mask if resize is None else \
                    resize.backward(by_mask)
        if with_grad:
            ctx.save_for_backward(grads, images, queries)
            ctx.logits = (mask_logits.shape, mask_logits.dtype)
            ctx.focal_scale = 2 / size.numel()
        overlap, areas, focal, signed = sums
        focal_inside = signed + 0.75 * focal
        focal = 0.25 * focal_inside + 0.75 * (focal - focal_inside)
        return 1 - (2 * overlap + 1) / areas, focal / -size.numel()

    @staticmethod
    @once_differentiable
    def backward(ctx, by_dice: Tensor, by_focal: Tensor) -> tuple:
        (dice, focal), images, queries = ctx.saved_tensors
        shape, dtype = ctx.logits
        by_focal = by_focal * ctx.focal_scale
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
                        with_grad: bool) -> tuple[Tensor, ...]:
    """Of masks and targets, (m, P) each; overwrites both.

    All in terms of the probability p of the right answer, be it inside or
    outside of the target.

    Args:
        negated (Tensor): Negative logits of the masks.
        inside (Tensor): Targets, 0 and 1.
        with_grad (bool): Whether gradients are needed.

    Returns:
        tuple: (4, m), of the overlap of mask and target, both areas plus 1,
        and the sum of (1 - p)^2 log p over all pixels without and with a
        factor of 0.25 inside and -0.75 outside; if asked for the gradients of
        dice and focal loss (m, P) by the logits, the latter times P / 2.
    """
    # the logit inside, the negative one outside
    right = negated.addcmul_(negated, inside, value=-2)
    right.sigmoid_().clamp_(min=_SMALLEST)
    log_right = right.log()
    wrong = 1 - right

    size = inside.sum(1)
    wrong_inside = torch.linalg.vecdot(wrong, inside)
    overlap = size - wrong_inside
    areas = overlap + (wrong.sum(1) - wrong_inside) + size + 1
    if with_grad:
        dice_grad = inside * (-2 / areas)[:, None]
        dice_grad.add_(((2 * overlap + 1) / areas**2)[:, None])
        dice_grad.mul_(right).mul_(wrong)

    squared = wrong * wrong
    focal = torch.linalg.vecdot(squared, log_right)
    squared.mul_(inside.sub_(0.75))
    signed = torch.linalg.vecdot(squared, log_right)
    sums = torch.stack([overlap, areas, focal, signed])
    if not with_grad:
        return sums,
    focal_grad = log_right.mul_(right).sub_(wrong, alpha=0.5).mul_(squared)
    return sums, dice_grad, focal_grad
