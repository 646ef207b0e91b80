"""K-means of many images at once."""
from __future__ import annotations
import math
from typing import NamedTuple, Optional, Sequence

import torch
from torch import Tensor

from mmlangseg.cpu_threads import map_on_threads
from .kmeans_start import draw_uniform, kmeans_plus_plus

INVALID = 255  # label of a token without a cluster

_COARSE_CHANNELS = 32
_COARSE_ITERATIONS = 6
_CACHE_FLOATS = 2**18  # half of a usual second-level cache
_CHECK_EVERY = 5  # iterations, where a check waits for an accelerator


class KMeansResult(NamedTuple):
    """Clusters of a batch of images.

    Attributes:
        labels (Tensor): (B, N) int64, 0..K-1 or 255 for invalid tokens. Less
            than K values occur where there are less different tokens.
        centroids (Tensor): (B, K, D) float32.
        inertia (Tensor): (B,) float32, sum of the squared distances of the
            valid tokens to their centroids.
    """

    labels: Tensor
    centroids: Tensor
    inertia: Tensor


@torch.no_grad()
def batched_kmeans(features: Tensor,
                   num_clusters: int,
                   *,
                   seeds: Sequence[int],
                   valid: Optional[Tensor] = None,
                   num_restarts: int = 1,
                   max_iterations: int = 50,
                   tolerance: Optional[float] = 1e-4) -> KMeansResult:
    """Cluster the tokens of every image for itself, with Lloyd's algorithm.

    Starts from k-means++. The result of an image depends on its features and
    its seed, not on the other images of the batch. All distances are
    computed in float32, also under autocast, by one batched product: a token
    belongs to the centroid with the largest ``x c^T - |c|^2 / 2``. A centroid
    that loses all its tokens goes to the token farthest from its own.

    Features of many channels are clustered in a random projection first
    (Johnson and Lindenstrauss), for a few iterations of all starts; the one
    with the least inertia goes on with all channels until it converges.

    Args:
        features: (B, N, D) of any float type, on any device.
        num_clusters: K, at most 255.
        seeds: One integer per image.
        valid: (B, N) bool, tokens to be clustered. By default all.
        num_restarts: Starts, of which the best counts.
        max_iterations: Updates of the centroids, at most.
        tolerance: An image is done when its centroids move by less than this
            (sum of squares, relative to the mean variance of a channel, as
            in scikit-learn). None makes ``max_iterations`` updates and never
            waits for an accelerator.

    Returns:
        KMeansResult: Labels, centroids and inertia.
    """
    _check(features, num_clusters, seeds, valid, num_restarts, max_iterations)
    batch, tokens, channels = features.shape
    if batch == 0:
        return KMeansResult(
            features.new_empty((0, tokens), dtype=torch.long),
            features.new_empty((0, num_clusters, channels)).float(),
            features.new_empty(0).float())

    def cluster(images: slice) -> KMeansResult:
        return _cluster(features[images],
                        None if valid is None else valid[images], num_clusters,
                        seeds[images], num_restarts, max_iterations, tolerance)

    with torch.autocast(features.device.type, enabled=False):
        if features.device.type != 'cpu':
            return cluster(slice(None))
        floats = tokens * (
            min(channels, _COARSE_CHANNELS) + num_restarts * num_clusters)
        group = max(1, _CACHE_FLOATS // floats)
        groups = [slice(i, i + group) for i in range(0, batch, group)]
        parts = map_on_threads(cluster, groups)
    return KMeansResult(*(torch.cat(values) for values in zip(*parts)))


def _cluster(features: Tensor, valid: Optional[Tensor], num_clusters: int,
             seeds: Sequence[int], restarts: int, iterations: int,
             tolerance: Optional[float]) -> KMeansResult:
    """Cluster images that are computed side by side."""
    batch, _, channels = features.shape
    centered, origin = _center(features.float(), valid)
    weight = None if valid is None else valid[:, None, None].float()
    trials = 2 + int(math.log(num_clusters))  # as in scikit-learn
    uniform = draw_uniform(seeds, restarts, num_clusters, trials,
                           features.device)
    many_channels = channels >= 2 * _COARSE_CHANNELS
    if not many_channels:
        labels = kmeans_plus_plus(centered, uniform, valid)
        centroids, sizes = _means(centered, labels, weight, num_clusters)
    else:
        coarse = centered @ _projection(channels, features.device)
        labels = kmeans_plus_plus(coarse, uniform, valid)
        start, _ = _means(coarse, labels, weight, num_clusters)
        labels, _, _ = _lloyd(coarse, start, weight,
                              min(iterations, _COARSE_ITERATIONS), None)
        centroids, sizes = _means(centered, labels, weight, num_clusters)
        # inertia = sum of |x|^2 - this, for means
        explained = (centroids.square().sum(-1) * sizes).sum(-1)
        centroids, sizes = (
            _select(values, explained.argmax(1))[:, None]
            for values in (centroids, sizes))
    threshold = None
    if tolerance is not None:
        count = sizes[:, 0].sum(-1).clamp(min=1)
        mean = (centroids[:, 0] * sizes[:, 0, :, None]).sum(1) / count[:, None]
        norm = torch.linalg.vector_norm(centered, dim=(1, 2))
        spread = norm.square() / count - mean.square().sum(-1)
        threshold = spread * (tolerance / channels)
    # On a CPU the features of one image stay in the cache, and an image that
    # is done does not wait for the others.
    size = 1 if features.device.type == 'cpu' and many_channels else batch
    parts = [
        _lloyd(
            *(None if values is None else values[i:i + size]
              for values in (centered, centroids, weight)), iterations,
            None if threshold is None else threshold[i:i + size])
        for i in range(0, batch, size)
    ]
    labels, centroids, inertia = (torch.cat(values) for values in zip(*parts))
    best = inertia.argmin(1)
    labels = _select(labels, best)
    if valid is not None:
        labels = labels.masked_fill(~valid, INVALID)
    return KMeansResult(labels,
                        _select(centroids, best) + origin,
                        _select(inertia, best))


def _center(features: Tensor,
            valid: Optional[Tensor]) -> tuple[Tensor, Tensor]:
    """Subtract the first valid token of every image, which keeps digits.

    Unlike the mean it makes exact zeros of a constant image, so that no
    rounding errors are clustered. Invalid tokens become zeros as well.
    """
    if valid is None:
        origin = features[:, :1]
        return features - origin, origin
    first = valid.long().argmax(1)[:, None, None]
    origin = features.gather(1, first.expand(-1, 1, features.shape[2]))
    return (features - origin).masked_fill_(~valid[..., None], 0.), origin


def _means(features: Tensor, labels: Tensor, weight: Optional[Tensor],
           num_clusters: int) -> tuple[Tensor, Tensor]:
    """Means (B, R, K, D) and sizes (B, R, K) of labels (B, R, N)."""
    batch, restarts, tokens = labels.shape
    members = features.new_zeros(batch, restarts, num_clusters, tokens)
    members.scatter_(2, labels[:, :, None], 1.)
    if weight is not None:
        members.mul_(weight)
    return _average(members, features)


def _average(members: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """Means and sizes of members (B, R, K, N), 0 or 1."""
    sizes = members.sum(-1)
    sums = torch.bmm(members.flatten(1, 2), features)
    means = sums.view(*sizes.shape, -1).div_(sizes.clamp(min=1)[..., None])
    return means, sizes


def _lloyd(features: Tensor, centroids: Tensor, weight: Optional[Tensor],
           iterations: int, threshold: Optional[Tensor]):
    """Lloyd's iterations.

    Args:
        features: (B, N, D).
        centroids: (B, R, K, D) of R starts.
        weight: (B, 1, 1, N), 1 for valid tokens and else 0; None for all 1.
        iterations: Number of updates.
        threshold: (B,), squared movement below which a start is done; None
            makes all updates.

    Returns:
        tuple: Labels (B, R, N), centroids (B, R, K, D), inertia (B, R).
    """
    on_host = features.device.type == 'cpu'
    columns = features.transpose(1, 2)
    norms = torch.linalg.vector_norm(features, dim=-1).square_()[:, None]
    running = torch.ones_like(centroids[:, :, 0, 0], dtype=torch.bool)

    def scores() -> Tensor:
        half = torch.linalg.vecdot(centroids, centroids).mul_(-0.5)
        return torch.baddbmm(
            half.flatten(1)[..., None], centroids.flatten(1, 2),
            columns).view(*centroids.shape[:3], -1)

    for step in range(iterations):
        score = scores()
        best = score.amax(2, keepdim=True)
        # 1 where it is the best one; comparing and converting takes longer
        members = score.sub_(best).sign_().add_(1.)
        if weight is not None:
            members.mul_(weight)
        moved, sizes = _average(members, features)
        if not on_host or not sizes.amin():
            moved = _repair(moved, sizes, centroids, features,
                            norms - 2 * best[:, :, 0], weight)
        if threshold is None:
            centroids = moved
            continue
        if running.numel() > 1:
            moved = torch.where(running[..., None, None], moved, centroids)
        shift = (moved - centroids).square_().sum((2, 3))
        centroids = moved
        running &= shift > threshold[:, None]
        if (on_host or step % _CHECK_EVERY == 0) and not running.any():
            break
    best, labels = scores().max(2)
    distances = norms - 2 * best
    if weight is not None:
        distances.mul_(weight[:, :, 0])
    return labels, centroids, distances.clamp_(min=0.).sum(-1)


def _repair(moved: Tensor, sizes: Tensor, centroids: Tensor, features: Tensor,
            distances: Tensor, weight: Optional[Tensor]) -> Tensor:
    """Keep empty clusters where they were; one per start begins anew at the
    token that is farthest from its centroid."""
    if weight is not None:
        distances = distances * weight[:, :, 0]
    farthest, index = distances.max(-1)
    token = features.gather(1, index[..., None].expand(-1, -1,
                                                       features.shape[2]))
    empty = sizes == 0
    first = empty & (empty.cumsum(-1) == 1)
    # rounding errors are not a distance
    apart = farthest > 1e-6 * features.square().sum(-1).amax(-1)[:, None]
    moved = torch.where(empty[..., None], centroids, moved)
    return torch.where((first & apart[..., None])[..., None],
                       token[:, :, None], moved)


def _select(values: Tensor, index: Tensor) -> Tensor:
    """One start per image of values (B, R, ...): (B, ...)."""
    return values[torch.arange(len(index), device=index.device), index]


def _projection(channels: int, device: torch.device) -> Tensor:
    """(channels, coarse channels), always the same."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(channels, _COARSE_CHANNELS, generator=generator)
    return matrix.div_(math.sqrt(_COARSE_CHANNELS)).to(device)


def _check(features: Tensor, num_clusters: int, seeds: Sequence[int],
           valid: Optional[Tensor], restarts: int, iterations: int) -> None:
    if features.dim() != 3 or not features.is_floating_point():
        raise ValueError('features must be floats of the shape (B, N, D), '
                         f'got {features.dtype} {tuple(features.shape)}')
    if features.shape[1] == 0 or features.shape[2] == 0:
        raise ValueError('there is no token or no channel: features of the '
                         f'shape {tuple(features.shape)}')
    if not 1 <= num_clusters <= INVALID:
        raise ValueError(f'num_clusters={num_clusters} is not from 1 to '
                         f'{INVALID}')
    if len(seeds) != len(features):
        raise ValueError(f'{len(seeds)} seeds for {len(features)} images, '
                         'every image needs one')
    if valid is not None and (valid.shape != features.shape[:2]
                              or valid.dtype != torch.bool):
        raise ValueError(
            f'valid must be bool of the shape {tuple(features.shape[:2])}, '
            f'got {valid.dtype} {tuple(valid.shape)}')
    if restarts < 1 or iterations < 1:
        raise ValueError(f'num_restarts={restarts} and max_iterations='
                         f'{iterations} must be positive')
