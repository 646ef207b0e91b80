"""Where K-means starts: k-means++ for a batch of images."""
from __future__ import annotations
from collections.abc import Sequence

import torch
from torch import Tensor

_NOISE = 1e-6  # of |x|^2 + |c|^2 - 2 x c, in float32


def draw_uniform(seeds: Sequence[int], restarts: int, num_clusters: int,
                 trials: int, device: torch.device) -> Tensor:
    """Uniform numbers of every image from its own seed.

    They are few and come from the generator of the CPU, so that a seed means
    the same on every device.

    Returns:
        Tensor: (B, restarts, num_clusters, trials) in [0, 1).
    """
    generator = torch.Generator()
    shape = (restarts, num_clusters, trials)
    drawn = []
    for seed in seeds:
        generator.manual_seed(int(seed))
        drawn.append(torch.rand(shape, generator=generator))
    return torch.stack(drawn).to(device, non_blocking=True)


def kmeans_plus_plus(features: Tensor, uniform: Tensor, valid: Tensor | None,
                     noise: Tensor) -> Tensor:
    """Greedy k-means++ (Arthur and Vassilvitskii, 2007), as scikit-learn's.

    Every center is a token, drawn with a probability proportional to the
    squared distance to the nearest center so far; of several draws the one
    that leaves the smallest inertia is kept. Nothing waits for the host.

    Args:
        features: (B, N, D).
        uniform: (B, R, K, T) in [0, 1), for R starts with T draws.
        valid: (B, N) bool, tokens that may be drawn, or None for all.
        noise: (B,), squared distances up to this are rounding errors, besides
            a small share of the norms; they count as 0.

    Returns:
        Tensor: (B, R, N) int64, number of the nearest center.
    """
    batch, restarts, num_clusters, trials = uniform.shape
    tokens = features.shape[1]
    weight = features.new_ones(batch, 1, tokens) if valid is None else \
        valid[:, None].to(features.dtype)
    norms = features.square().sum(-1)
    noise = rounding_errors(norms, noise)[:, None, None]

    def distances(index: Tensor) -> Tensor:
        """Squared, of all tokens to the tokens of an index: (B, M, N)."""
        centers = features.gather(
            1, index[..., None].expand(-1, -1, features.shape[2]))
        offset = norms[:, None] + norms.gather(1, index)[..., None]
        squared = torch.baddbmm(
            offset, centers, features.transpose(1, 2), alpha=-2)
        squared.sub_(noise).clamp_(min=0.)
        return squared if valid is None else squared.mul_(weight)

    index = _draw(weight, uniform[:, :, 0, 0])
    nearest = distances(index)  # (B, R, N)
    labels = torch.zeros_like(nearest, dtype=torch.long)
    for k in range(1, num_clusters):
        # where all tokens are centers, or equal to one, any one will do
        chance = torch.where(
            nearest.amax(-1, keepdim=True) > 0, nearest, weight)
        index = _draw(chance, uniform[:, :, k])  # (B, R, T)
        after = distances(index.flatten(1)).view(batch, restarts, trials,
                                                 tokens)
        after = torch.minimum(after, nearest[:, :, None])
        best = after.sum(-1).argmin(-1)[..., None, None]
        after = after.gather(2, best.expand(-1, -1, 1, tokens)).squeeze(2)
        labels.masked_fill_(after < nearest, k)
        nearest = after
    return labels


def rounding_errors(norms: Tensor, noise: Tensor) -> Tensor:
    """Largest squared distance (B,) that equal tokens with squared norms
    (B, N) may have, if they have ``noise`` (B,) themselves."""
    return noise + _NOISE * norms.amax(-1)


def _draw(chance: Tensor, uniform: Tensor) -> Tensor:
    """Draw by chance (B, 1 | R, N) for numbers (B, R) or (B, R, T)."""
    total = chance.cumsum(-1).expand(-1, uniform.shape[1], -1).contiguous()
    values = uniform.flatten(2) if uniform.dim() == 3 else uniform[..., None]
    index = torch.searchsorted(total, values * total[..., -1:], right=True)
    # a sum of zeros has no right end
    return index.clamp_(max=chance.shape[-1] - 1).view_as(uniform)
