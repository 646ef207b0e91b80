"""Dice and focal loss of pairs of predicted masks and clusters."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..models.mask_matcher import CHUNK

_SMALLEST = torch.finfo(torch.float32).tiny


def matched_mask_losses(mask_logits: Tensor, labels: Tensor, images: Tensor,
                        queries: Tensor,
                        clusters: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of M pairs of a mask and a cluster, as MaskFormer has them.

    Masks that are in no pair get a gradient of exactly zero. The gradients of
    the others are computed together with the losses, since they share most
    intermediate results, and nothing else is kept for the backward pass.

    Args:
        mask_logits (Tensor): (B, N, h, w).
        labels (Tensor): Label maps, integer (B, H, W). The masks are enlarged
            to them if they are larger.
        images (Tensor): Of the pairs, int64 (M,).
        queries (Tensor): Likewise; no mask occurs twice.
        clusters (Tensor): Likewise.

    Returns:
        tuple: Dice and focal loss of each pair, float32 (M,).
    """
    with torch.autocast(mask_logits.device.type, enabled=False):
        return _MatchedMaskLosses.apply(mask_logits, labels.to(torch.uint8),
                                        images, queries, clusters)


class _MatchedMaskLosses(torch.autograd.Function):

    @staticmethod
    def forward(ctx, mask_logits: Tensor, labels: Tensor, images: Tensor,
                queries: Tensor, clusters: Tensor) -> tuple[Tensor, Tensor]:
        masks = mask_logits[images, queries].float()  # (M, h, w)
        losses = masks.new_empty((2, len(masks)))
        with_grad = ctx.needs_input_grad[0]
        grads = masks.new_empty((2, *masks.shape)) if with_grad else None
        size = labels.shape[-2:]
        step = max(1, CHUNK // size.numel())
        for start in range(0, len(masks), step):
            part = slice(start, start + step)
            target = labels[images[part]] == clusters[part, None, None]
            with torch.set_grad_enabled(with_grad):
                mask = masks[part].requires_grad_(with_grad)
                large = mask
                if size != masks.shape[-2:]:
                    large = F.interpolate(
                        mask[:, None], size, mode='bilinear')[:, 0]
            losses[:, part], *large_grads = _losses_and_gradients(
                large.detach().flatten(1), target.flatten(1), with_grad)
            for grad, large_grad in zip(grads if with_grad else (),
                                        large_grads):
                large_grad = large_grad.view_as(large)
                grad[part] = large_grad if large is mask else \
                    torch.autograd.grad(
                        large, mask, large_grad, retain_graph=True)[0]
        if with_grad:
            ctx.save_for_backward(grads, images, queries)
            ctx.logits = (mask_logits.shape, mask_logits.dtype)
        return losses[0], losses[1]

    @staticmethod
    @once_differentiable
    def backward(ctx, *outer: Tensor) -> tuple:
        grads, images, queries = ctx.saved_tensors
        shape, dtype = ctx.logits
        grad = sum(g[:, None, None] * inner for g, inner in zip(outer, grads))
        whole = grads.new_zeros(shape, dtype=dtype)
        whole[images, queries] = grad.to(dtype)
        return whole, None, None, None, None


def _losses_and_gradients(logits: Tensor, target: Tensor,
                          with_grad: bool) -> tuple[Tensor, ...]:
    """Of masks (m, P) and bool targets (m, P).

    All in terms of the probability p of the right answer, inside and outside
    of the target.

    Returns:
        tuple: Dice and focal losses (2, m), and if asked for their gradients
        (m, P) by the logits.
    """
    inside = target.float()
    sign = inside * 2 - 1
    prob = (logits * sign).sigmoid_().clamp_(min=_SMALLEST)
    log_prob = prob.log()
    wrong = 1 - prob
    squared = wrong * wrong
    focal = squared * log_prob
    pixels = logits.shape[1]

    size = inside.sum(1)
    wrong_inside = _dot(wrong, inside)
    overlap = size - wrong_inside
    # of the areas of mask and target, smoothed
    total = overlap + wrong.sum(1) - wrong_inside + size + 1
    smoothed = 2 * overlap + 1
    focal_inside = _dot(focal, inside)
    focal_outside = focal.sum(1) - focal_inside
    losses = torch.stack([
        1 - smoothed / total,
        (0.25 * focal_inside + 0.75 * focal_outside) / -pixels
    ])
    if not with_grad:
        return losses,
    by_overlap, by_area = -2 / total, smoothed / total**2
    dice_grad = torch.addcmul(by_area[:, None], inside, by_overlap[:, None])
    dice_grad.mul_(prob).mul_(wrong)
    focal_grad = log_prob.mul_(prob).mul_(2).sub_(wrong).mul_(squared)
    focal_grad.mul_(inside.sub_(0.75).div_(pixels))  # signed class weight
    return losses, dice_grad, focal_grad


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.vecdot(a, b)
