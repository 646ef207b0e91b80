"""Features of all processes, with gradients."""
from __future__ import annotations

import torch
import torch.distributed as dist
from mmengine.dist import is_distributed
from torch import Tensor


def gather_with_gradient(features: Tensor) -> tuple[Tensor, int]:
    """Join the features of all processes, in the order of the ranks.

    Gradients flow back to the process that the features come from, summed
    over the processes. The batches may be of different sizes, and empty.
    PyTorch's own functions that do this are deprecated or experimental,
    depending on the version.

    Args:
        features (Tensor): (b, ...), b may differ between processes.

    Returns:
        tuple: Features (B, ...) of all processes, and the index at which
        those of this process start.
    """
    if not is_distributed():
        return features, 0
    own = torch.tensor([len(features)], device=features.device)
    sizes = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(sizes, own)
    sizes = torch.cat(sizes).tolist()
    return _Gather.apply(features, sizes), sum(sizes[:dist.get_rank()])


class _Gather(torch.autograd.Function):

    @staticmethod
    def forward(ctx, features: Tensor, sizes: list[int]) -> Tensor:
        ctx.sizes = sizes
        # collectives need the same size everywhere
        padded = features.new_zeros((max(sizes), *features.shape[1:]))
        padded[:len(features)] = features
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:n] for part, n in zip(parts, sizes)])

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        grad = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(grad)
        return grad.split(ctx.sizes)[dist.get_rank()], None
