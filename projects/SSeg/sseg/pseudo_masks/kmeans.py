"""K-means of many images at once."""
from __future__ import annotations
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmlangseg.cpu.chunks import images_at_once, slices
from mmlangseg.cpu.threads import map_on_threads
from .kmeans_lloyd import lloyd, means_of_labels
from .kmeans_start import draw_uniform, kmeans_plus_plus
from .principal_components import principal_components

INVALID = 255  # label of a token without a cluster

_AXES = 32  # at least, of which clusters have two each
_AXES_ITERATIONS = 25  # the rest is done with all channels
_TRIAL_ITERATIONS = 5  # tell good starts from bad ones
_SOME_TOKENS = 384  # at least, enough to find starts
_ORIGIN_NOISE = 1e-11  # of the squared length of a token


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
                   valid: Tensor | None = None,
                   num_restarts: int = 1,
                   max_iterations: int = 50,
                   tolerance: float | None = 1e-3) -> KMeansResult:
    """Cluster the tokens of every image for itself, with Lloyd's algorithm.

    Starts from k-means++. The result of an image depends on its features and
    its seed, not on the other images of the batch. All distances are
    computed in float32, also under autocast, by one batched product: a token
    belongs to the centroid with the largest ``x c^T - |c|^2 / 2``. A centroid
    that loses all its tokens goes to the token farthest from its own.

    Tokens of many channels are clustered along their principal axes first,
    and then with all channels until they converge there too: the axes only
    save time. Of several starts the best quarter goes on after a few
    iterations.

    Args:
        features: (B, N, D) of any float type, on any device.
        num_clusters: K, at most 255.
        seeds: One integer per image.
        valid: (B, N) bool, tokens to be clustered. By default all.
        num_restarts: Starts, of which the best counts.
        max_iterations: Updates of the centroids, at most.
        tolerance: A start is done when its centroids move by less than this
            (sum of squares, relative to the variance of the tokens, both over
            all channels; scikit-learn's is relative to the mean channel, so
            smaller by their number). None makes ``max_iterations`` updates
            and never waits for an accelerator, but for a look at ``valid``.

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

    if valid is not None:
        whole = valid.all(1)
        if whole.any():
            # An image without padding has the clusters that it has among
            # others without, and takes their shorter way.
            return _merge([(rows,
                            batched_kmeans(
                                features[rows],
                                num_clusters,
                                seeds=[seeds[i] for i in rows.tolist()],
                                valid=part,
                                num_restarts=num_restarts,
                                max_iterations=max_iterations,
                                tolerance=tolerance))
                           for rows, part in ((whole.nonzero()[:, 0], None),
                                              ((~whole).nonzero()[:, 0],
                                               valid[~whole]))])

    def cluster(images: slice) -> KMeansResult:
        return _cluster(features[images],
                        None if valid is None else valid[images], num_clusters,
                        seeds[images], num_restarts, max_iterations, tolerance)

    with torch.autocast(features.device.type, enabled=False):
        floats = tokens * (min(channels, _AXES) + num_restarts * num_clusters)
        group = images_at_once(features.device, batch, floats)
        parts = map_on_threads(cluster, slices(batch, group), features.device)
    return KMeansResult(*(torch.cat(values) for values in zip(*parts)))


def _merge(parts: Sequence[tuple[Tensor, KMeansResult]]) -> KMeansResult:
    """Results of images that are numbered, in the order of the numbers."""
    order = torch.cat([rows for rows, _ in parts]).argsort()
    return KMeansResult(*(torch.cat(values)[order]
                          for values in zip(*(result for _, result in parts))))


def _cluster(features: Tensor, valid: Tensor | None, num_clusters: int,
             seeds: Sequence[int], restarts: int, iterations: int,
             tolerance: float | None) -> KMeansResult:
    """Cluster images that are computed side by side."""
    batch, tokens, channels = features.shape
    axes = max(_AXES, 2 * num_clusters)
    many_channels = channels >= 2 * axes
    features, origin = _prepare(features.float(), valid)
    weight = None if valid is None else valid.float()
    # On a CPU one image after the other goes through all its channels, which
    # then come from the cache where they are used again.
    size = 1 if many_channels and features.device.type == 'cpu' else batch
    parts = [slice(i, i + size) for i in range(0, batch, size)]
    if many_channels:
        few = torch.cat([
            principal_components(features[part], axes, _at(weight, part))
            for part in parts
        ])
    else:
        few = features - origin
    # Squared distances that subtracting the origin leaves of equal tokens.
    noise = _ORIGIN_NOISE * origin[:, 0].square().sum(-1)
    # as in scikit-learn for one start; several make up for trials
    trials = 2 + int(math.log(num_clusters)) if restarts == 1 else 2
    uniform = draw_uniform(seeds, restarts, num_clusters, trials,
                           features.device)

    def run(x: Tensor, means: Tensor, sizes: Tensor, part: slice, limit: int,
            tolerance: float | None) -> Sequence[Tensor]:
        """Lloyd's iterations for a part of the images."""
        threshold = None
        if tolerance is not None:
            threshold = tolerance * _variance(x, means[:, 0], sizes[:, 0])
        return lloyd(
            x,
            means,
            sizes,
            weight=_at(weight, part),
            noise=noise[part],
            iterations=min(limit, iterations),
            threshold=threshold)

    # Starts are found and tried with some hundred of the tokens.
    step = 1 if valid is not None else max(1, tokens // _SOME_TOKENS)
    some, everything = few[:, ::step], slice(None)
    labels = kmeans_plus_plus(some, uniform, valid, noise)
    start = means_of_labels(some, labels, weight, num_clusters)
    if restarts > 1:
        labels, _, inertia = run(some, *start, everything, _TRIAL_ITERATIONS,
                                 None)
        labels, = _best(inertia, max(1, restarts // 4), labels)
        start = means_of_labels(some, labels, weight, num_clusters)
    limit = _AXES_ITERATIONS if many_channels else iterations
    result = run(few, *start, everything, limit, tolerance)
    result = _best(result[2], 1, *result)
    if many_channels:
        results = []
        for part in parts:
            x = features[part] - origin[part]
            start = means_of_labels(x, result[0][part], _at(weight, part),
                                    num_clusters)
            results.append(run(x, *start, part, iterations, tolerance))
        result = [torch.cat(values) for values in zip(*results)]
    labels, centroids, inertia = (values[:, 0] for values in result)
    if valid is not None:
        labels = labels.masked_fill(~valid, INVALID)
    return KMeansResult(labels, centroids + origin, inertia)


def _at(values: Tensor | None, part: slice) -> Tensor | None:
    return None if values is None else values[part]


def _best(inertia: Tensor, number: int, *values: Tensor) -> list[Tensor]:
    """The given number of starts with the least inertia, of (B, R, ...)."""
    index = inertia.topk(number, 1, largest=False).indices
    images = torch.arange(len(index), device=index.device)[:, None]
    return [value[images, index] for value in values]


def _prepare(features: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Features whose invalid tokens are equal to the first valid one, and
    that one (B, 1, D).

    Subtracting it keeps digits, and makes zeros of a constant image, which
    subtracting the mean would not.
    """
    if valid is None:
        return features, features[:, :1]
    first = valid.long().argmax(1)[:, None, None]
    origin = features.gather(1, first.expand(-1, 1, features.shape[2]))
    return torch.where(valid[..., None], features, origin), origin


def _variance(features: Tensor, means: Tensor, sizes: Tensor) -> Tensor:
    """Sum of the variances of all channels (B,), from the means of clusters
    (B, K, D) and their sizes (B, K); tokens of no cluster are 0."""
    count = sizes.sum(1).clamp(min=1)
    mean = (means * sizes[..., None]).sum(1) / count[:, None]
    square = torch.linalg.vector_norm(features, dim=(1, 2)).square() / count
    return square - mean.square().sum(1)


def _check(features: Tensor, num_clusters: int, seeds: Sequence[int],
           valid: Tensor | None, restarts: int, iterations: int) -> None:
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
