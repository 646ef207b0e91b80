"""K-means of many images at once."""
from __future__ import annotations
import math
from typing import NamedTuple, Optional, Sequence

import torch
from torch import Tensor

from mmlangseg.cpu_threads import map_on_threads
from .kmeans_start import draw_uniform, kmeans_plus_plus, random_tokens

INVALID = 255  # label of a token without a cluster

_COARSE_CHANNELS = 32
_COARSE_ITERATIONS = 10
_CACHE_FLOATS = 2**18  # of a processor's second-level cache
_STARTS = {'k-means++': kmeans_plus_plus, 'random': random_tokens}


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
                   tolerance: Optional[float] = 1e-4,
                   init: str = 'k-means++') -> KMeansResult:
    """Cluster the tokens of every image for itself, with Lloyd's algorithm.

    The result of an image depends on its features and its seed, not on the
    other images of the batch. All distances are computed in float32, also
    under autocast, by one batched product: a token belongs to the centroid
    with the largest ``x c^T - |c|^2 / 2``.

    Features of many channels are clustered in a random projection first
    (Johnson-Lindenstrauss), where all restarts are compared; the best one
    goes on with all channels until it converges there.

    Args:
        features: (B, N, D) of any float type, on any device.
        num_clusters: K, at most 255.
        seeds: One integer per image.
        valid: (B, N) bool, tokens to be clustered. By default all.
        num_restarts: Starts of which the one with the least inertia counts.
        max_iterations: Updates of the centroids, at most.
        tolerance: An image is done when its centroids move by less than this
            (sum of squares, relative to the mean variance of a channel, as
            in scikit-learn). None makes ``max_iterations`` updates and never
            waits for an accelerator.
        init: ``'k-means++'`` or ``'random'`` (different tokens).

    Returns:
        KMeansResult: Labels, centroids and inertia.
    """
    _check(features, num_clusters, seeds, valid, num_restarts, max_iterations,
           init)
    batch, tokens, channels = features.shape
    if batch == 0:
        return KMeansResult(
            features.new_empty((0, tokens), dtype=torch.long),
            features.new_empty((0, num_clusters, channels)).float(),
            features.new_empty(0).float())

    def cluster(images: slice) -> KMeansResult:
        return _cluster(features[images],
                        None if valid is None else valid[images], num_clusters,
                        seeds[images], num_restarts, max_iterations, tolerance,
                        init)

    with torch.autocast(features.device.type, enabled=False):
        if features.device.type != 'cpu':
            return cluster(slice(None))
        floats = tokens * (
            min(channels, _COARSE_CHANNELS) + num_restarts * num_clusters)
        group = max(1, _CACHE_FLOATS // floats)
        groups = [
            slice(first, first + group) for first in range(0, batch, group)
        ]
        parts = map_on_threads(cluster, groups)
    return KMeansResult(*(torch.cat(values) for values in zip(*parts)))


def _cluster(features: Tensor, valid: Optional[Tensor], num_clusters: int,
             seeds: Sequence[int], restarts: int, iterations: int,
             tolerance: Optional[float], init: str) -> KMeansResult:
    """All images of a group."""
    features = features.float()
    if valid is None:
        origin = features[:, :1]
    else:
        first = valid.long().argmax(1)[:, None, None]
        origin = features.gather(1, first.expand(-1, 1, features.shape[2]))
    # Keeps digits, and makes the features of a constant image exact zeros,
    # which a mean would not.
    centered = features - origin
    if valid is not None:
        centered.masked_fill_(~valid[..., None], 0.)
    trials = 2 + int(math.log(num_clusters))  # as scikit-learn
    uniform = draw_uniform(seeds, restarts, num_clusters, trials,
                           features.device)
    weight = None if valid is None else valid[:, None, None].float()
    start = _STARTS[init]
    channels = features.shape[2]
    if channels < 2 * _COARSE_CHANNELS:
        labels = start(centered, uniform, valid)
    else:
        coarse = centered @ _projection(channels, features.device)
        labels = start(coarse, uniform, valid)
        labels, _, inertia = _lloyd(coarse, labels, weight, num_clusters,
                                    min(iterations, _COARSE_ITERATIONS), None)
        labels = _best(labels, inertia)[:, None]
    if features.device.type == 'cpu' and channels >= 2 * _COARSE_CHANNELS:
        parts = [
            _lloyd(centered[i:i + 1], labels[i:i + 1],
                   None if weight is None else weight[i:i + 1], num_clusters,
                   iterations, tolerance) for i in range(len(centered))
        ]
        labels, centroids, inertia = (torch.cat(p) for p in zip(*parts))
    else:
        labels, centroids, inertia = _lloyd(centered, labels, weight,
                                            num_clusters, iterations,
                                            tolerance)
    labels = _best(labels, inertia)
    if valid is not None:
        labels = labels.masked_fill(~valid, INVALID)
    return KMeansResult(labels,
                        _best(centroids, inertia) + origin, inertia.amin(1))


def _lloyd(features: Tensor, labels: Tensor, weight: Optional[Tensor],
           num_clusters: int, iterations: int,
           tolerance: Optional[float]) -> tuple[Tensor, Tensor, Tensor]:
    """Lloyd's iterations from given labels on.

    Args:
        features: (B, N, D).
        labels: (B, R, N) int64 of R starts.
        weight: (B, 1, 1, N), 1 for valid tokens and else 0; None for all 1.

    Returns:
        tuple: Labels (B, R, N), centroids (B, R, K, D), inertia (B, R).
    """
    batch, restarts, tokens = labels.shape
    shape = (batch, restarts, num_clusters)
    on_host = features.device.type == 'cpu'
    norms = features.square().sum(-1)[:, None]  # (B, 1, N)
    if weight is not None:
        # invalid tokens are zero
        count = weight.sum(-1).view(batch).clamp(min=1)
    else:
        count = tokens
    mean = features.sum(1) / (count if weight is None else count[:, None])
    spread = norms.sum((1, 2)) / count - mean.square().sum(-1)
    smallest = norms.amax(-1) * 1e-6  # squared distance, (B, 1)
    if tolerance is not None:
        threshold = tolerance * spread.clamp(min=0) / features.shape[2]
        running = labels.new_ones((batch, restarts), dtype=torch.bool)
    centroids = features.new_zeros(*shape, features.shape[2])
    best = None
    for step in range(iterations):
        members = features.new_zeros(*shape,
                                     tokens).scatter_(2, labels[:, :, None],
                                                      1.)
        if weight is not None:
            members.mul_(weight)
        sizes = members.sum(-1, keepdim=True)
        moved = torch.bmm(members.flatten(1, 2), features).view_as(centroids)
        moved.div_(sizes.clamp(min=1))
        empty = sizes == 0
        if step == 0:
            pass
        elif not on_host or empty.any():
            moved = torch.where(empty, centroids, moved)
            far, index = _farthest(norms - 2 * best, weight)
            first = empty & (empty.cumsum(2) == 1)  # one per iteration
            token = features.gather(
                1, index[..., None].expand(-1, -1, features.shape[2]))
            moved = torch.where(first & (far > smallest)[..., None, None],
                                token[:, :, None], moved)
        if tolerance is not None:
            moved = torch.where(running[..., None, None], moved, centroids)
            shift = (moved - centroids).square().sum((2, 3))
            running &= shift > threshold[:, None]
        centroids = moved
        scores = torch.baddbmm(
            centroids.square().sum(-1).mul_(-0.5).view(batch, -1, 1),
            centroids.flatten(1, 2), features.transpose(1, 2))
        best, labels = scores.view(*shape, tokens).max(2)
        if tolerance is not None and (on_host or step % 5 == 4) \
                and not running.any():
            break
    distances = (norms - 2 * best).clamp_(min=0.)
    if weight is not None:
        distances = distances * weight[:, :, 0]
    return labels, centroids, distances.sum(-1)


def _farthest(distances: Tensor,
              weight: Optional[Tensor]) -> tuple[Tensor, Tensor]:
    """Largest distance and its token, (B, R) each."""
    if weight is not None:
        distances = distances * weight[:, :, 0]
    return distances.max(-1)


def _best(values: Tensor, inertia: Tensor) -> Tensor:
    """Of values (B, R, ...) those of the best start: (B, ...)."""
    index = inertia.argmin(1)
    return values[torch.arange(len(index), device=index.device), index]


def _projection(channels: int, device: torch.device) -> Tensor:
    """(channels, coarse channels), always the same."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(channels, _COARSE_CHANNELS, generator=generator)
    return matrix.div_(math.sqrt(_COARSE_CHANNELS)).to(device)


def _check(features: Tensor, num_clusters: int, seeds: Sequence[int],
           valid: Optional[Tensor], restarts: int, iterations: int,
           init: str) -> None:
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
    if init not in _STARTS:
        raise ValueError(f'init={init!r} is not one of {list(_STARTS)}')
