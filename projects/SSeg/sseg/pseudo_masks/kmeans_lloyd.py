"""Lloyd's iterations of K-means, for a batch of images with several starts.

Shapes: B images, R starts, K clusters, N tokens, D channels.
"""
from __future__ import annotations

import torch
from torch import Tensor

from .kmeans_start import rounding_errors

_NOBODY = -1e30  # score of a cluster that is empty
_CHECK_EVERY = 5  # iterations, where a check waits for an accelerator


def means_of_labels(features: Tensor, labels: Tensor, weight: Tensor | None,
                    num_clusters: int) -> tuple[Tensor, Tensor]:
    """Means (B, R, K, D), 0 of empty clusters, and sizes (B, R, K)."""
    batch, restarts, tokens = labels.shape
    members = features.new_zeros(batch, restarts, num_clusters, tokens)
    members.scatter_(2, labels[:, :, None], 1.)
    if weight is not None:
        members.mul_(weight[:, None, None])
    return _average(members, features)


def lloyd(features: Tensor,
          centroids: Tensor,
          sizes: Tensor,
          *,
          weight: Tensor | None = None,
          noise: Tensor,
          iterations: int,
          threshold: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Assign tokens to centroids and move these to the means, in turns.

    An empty cluster gets no token, until it begins anew at the token that is
    farthest from its centroid, if there is one that is not equal to it: one
    cluster per iteration.

    Args:
        features: (B, N, D); only digits that are left after subtracting
            something like the mean count. Tokens of no weight are 0.
        centroids: (B, R, K, D) to start from.
        sizes: (B, R, K), tokens per cluster so far. Only 0 matters.
        weight: (B, N), 1 for valid tokens and else 0. None: all 1.
        noise: (B,), squared distances up to this are rounding errors, besides
            a small share of the norms.
        iterations: Number of updates.
        threshold: (B,), squared movement of all centroids of a start, at
            which it is done. None makes all updates.

    Returns:
        tuple: Labels (B, R, N), centroids (B, R, K, D), inertia (B, R).
    """
    on_host = features.device.type == 'cpu'
    columns = features.transpose(1, 2)
    alive = sizes > 0
    running = torch.ones_like(alive[..., 0])
    for step in range(iterations):
        scores = _scores(columns, centroids, alive)
        best = scores.amax(2, keepdim=True)
        # 1 where it is the best one; comparing and converting takes longer
        members = scores.sub_(best).sign_().add_(1.)
        if weight is not None:
            members.mul_(weight[:, None, None])
        moved, sizes = _average(members, features)
        # An accelerator would wait for the check, and repairs without.
        if not on_host or not sizes.amin():
            distances = _distances(features, best[:, :, 0], weight)
            moved, occupied = _repair(moved, sizes, features, distances, noise)
            alive = torch.where(running[..., None], occupied, alive)
        if threshold is None:
            centroids = moved
            continue
        if running.numel() > 1:  # those that are done stay as they are
            moved = torch.where(running[..., None, None], moved, centroids)
        shift = (moved - centroids).square_().sum((2, 3))
        centroids = moved
        running &= shift > threshold[:, None]
        if (on_host or step % _CHECK_EVERY == 0) and not running.any():
            break
    best, labels = _scores(columns, centroids, alive).max(2)
    distances = _distances(features, best, weight)
    return labels, centroids, distances.clamp_(min=0.).sum(-1)


def _scores(columns: Tensor, centroids: Tensor, alive: Tensor) -> Tensor:
    """``x c - |c|^2 / 2`` of columns (B, D, N): (B, R, K, N)."""
    half = torch.linalg.vecdot(centroids, centroids).mul_(-0.5)
    half.masked_fill_(~alive, _NOBODY)
    scores = torch.baddbmm(
        half.flatten(1)[..., None], centroids.flatten(1, 2), columns)
    return scores.view(*alive.shape, -1)


def _distances(features: Tensor, best: Tensor,
               weight: Tensor | None) -> Tensor:
    """Squared distances of best scores (B, R, N), 0 of invalid tokens."""
    norms = torch.linalg.vector_norm(features, dim=-1).square_()
    distances = norms[:, None] - 2 * best
    return distances if weight is None else distances.mul_(weight[:, None])


def _average(members: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """Means and sizes of members (B, R, K, N), 0 or 1."""
    sizes = members.sum(-1)
    sums = torch.bmm(members.flatten(1, 2), features)
    means = sums.view(*sizes.shape, -1).div_(sizes.clamp(min=1)[..., None])
    return means, sizes


def _repair(means: Tensor, sizes: Tensor, features: Tensor, distances: Tensor,
            noise: Tensor) -> tuple[Tensor, Tensor]:
    """Move the first empty cluster of each start to the token with the
    largest distance (B, R, N), if that is above the rounding errors.

    Returns:
        tuple: Means, and which clusters are not empty (B, R, K).
    """
    noise = rounding_errors(features.square().sum(-1), noise)[:, None]
    farthest, index = distances.max(-1)
    token = features.gather(1, index[..., None].expand(-1, -1,
                                                       features.shape[2]))
    empty = sizes == 0
    first = empty & (empty.cumsum(-1) == 1) & (farthest > noise)[..., None]
    means = torch.where(first[..., None], token[:, :, None], means)
    return means, ~empty | first
