"""K-means of many images at once."""
from __future__ import annotations
import math
from typing import NamedTuple, Optional, Sequence

import torch
from torch import Tensor

from mmlangseg.cpu_threads import map_on_threads
from .kmeans_lloyd import lloyd, means_of_labels
from .kmeans_start import draw_uniform, kmeans_plus_plus

INVALID = 255  # label of a token without a cluster

_COARSE_CHANNELS = 32
_COARSE_ITERATIONS = 6
_ORIGIN_NOISE = 1e-11  # of the squared length of a token
_CACHE_FLOATS = 2**18  # half of a usual second-level cache


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
    # squared distances that subtracting it may have made
    noise = _ORIGIN_NOISE * origin[:, 0].square().sum(-1)
    many_channels = channels >= 2 * _COARSE_CHANNELS
    if not many_channels:
        labels = kmeans_plus_plus(centered, uniform, valid, noise)
        centroids, sizes = means_of_labels(centered, labels, weight,
                                           num_clusters)
    else:
        coarse = centered @ _projection(channels, features.device)
        labels = kmeans_plus_plus(coarse, uniform, valid, noise)
        labels, _, _ = lloyd(
            coarse,
            *means_of_labels(coarse, labels, weight, num_clusters),
            weight=weight,
            noise=noise,
            iterations=min(iterations, _COARSE_ITERATIONS))
        centroids, sizes = means_of_labels(centered, labels, weight,
                                           num_clusters)
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

    def refine(images: slice) -> tuple[Tensor, Tensor, Tensor]:
        return lloyd(
            centered[images],
            centroids[images],
            sizes[images],
            weight=None if weight is None else weight[images],
            noise=noise[images],
            iterations=iterations,
            threshold=None if threshold is None else threshold[images])

    # On a CPU the features of one image stay in the cache, and an image that
    # is done does not wait for the others.
    step = 1 if features.device.type == 'cpu' and many_channels else batch
    parts = [refine(slice(i, i + step)) for i in range(0, batch, step)]
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
    """Subtract the first valid token of every image, which keeps digits;
    invalid tokens become 0."""
    if valid is None:
        origin = features[:, :1]
        centered = features - origin
    else:
        first = valid.long().argmax(1)[:, None, None]
        origin = features.gather(1, first.expand(-1, 1, features.shape[2]))
        centered = (features - origin).masked_fill_(~valid[..., None], 0.)
    return centered, origin


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
