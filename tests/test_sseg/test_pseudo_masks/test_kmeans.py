from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from mmlangseg.sseg.pseudo_masks import batched_kmeans
from mmlangseg.sseg.pseudo_masks.kmeans_lloyd import lloyd


def tokens(kind: str, images: int = 4, count: int = 196) -> torch.Tensor:
    """Features of several kinds, (images, count, D)."""
    generator = torch.Generator().manual_seed(7)

    def normal(*shape) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    if kind == 'noise':
        return normal(images, count, 64)
    if kind == 'pixels':
        return torch.rand(images, count, 5, generator=generator) * 100
    # soft mixtures of parts, as a Transformer's tokens
    shares = (3 * normal(images, count, 6)).softmax(-1)
    means = normal(images, 6, 128)
    noise = 1.5 if kind == 'overlapping tokens' else 0.3
    return 5 + shares @ means + noise * normal(images, count, 128)


def naive_inertia(features, centroids) -> tuple[np.ndarray, np.ndarray]:
    """Nearest centroids and sums of squared distances, in float64."""
    distances = ((features[:, :, None].double() -
                  centroids[:, None].double())**2).sum(-1)
    nearest, labels = distances.min(-1)
    return labels.numpy(), nearest.sum(-1).numpy()


@pytest.mark.parametrize('kind',
                         ['noise', 'pixels', 'tokens', 'overlapping tokens'])
@pytest.mark.parametrize('restarts', [1, 4])
def test_inertia_is_that_of_scikit_learn(kind, restarts):
    features = tokens(kind, images=8)
    ours = batched_kmeans(
        features, 6, seeds=range(8), num_restarts=restarts).inertia
    theirs = [
        KMeans(6, n_init=restarts, random_state=i).fit(x).inertia_
        for i, x in enumerate(features.numpy())
    ]
    assert ours.mean() <= 1.01 * np.mean(theirs)
    if restarts > 1:  # one start may be lucky
        assert ours.mean() >= 0.99 * np.mean(theirs)


@pytest.mark.parametrize('kind', ['pixels', 'tokens'])
def test_a_fixed_point_of_lloyd(kind):
    features = tokens(kind)
    result = batched_kmeans(
        features,
        5,
        seeds=range(4),
        num_restarts=2,
        max_iterations=300,
        tolerance=0.)
    labels, inertia = naive_inertia(features, result.centroids)
    assert (result.labels.numpy() == labels).all()
    np.testing.assert_allclose(result.inertia.numpy(), inertia, rtol=1e-4)
    for x, label, centroids in zip(features, labels, result.centroids):
        for k in range(5):
            torch.testing.assert_close(x[label == k].mean(0), centroids[k])


def test_fixed_iterations_converge_too():
    features = tokens('tokens')
    until, fixed = (
        batched_kmeans(
            features, 5, seeds=range(4), max_iterations=100, tolerance=limit)
        for limit in (0., None))
    assert (until.labels == fixed.labels).all()
    first = batched_kmeans(
        features, 5, seeds=range(4), max_iterations=1, tolerance=None)
    assert (first.inertia >= fixed.inertia).all()
    assert (first.inertia > fixed.inertia).any()


@pytest.mark.parametrize('kind', ['pixels', 'tokens'])
def test_an_image_does_not_depend_on_the_others(kind):
    features = tokens(kind, images=9)
    valid = torch.rand(9, 196, generator=torch.Generator().manual_seed(1)) < .8
    seeds = [3, 1, 4, 1, 5, 9, 2, 6, 5]
    for mask in (None, valid):
        together = batched_kmeans(
            features, 4, seeds=seeds, valid=mask, num_restarts=3)
        for i in (0, 4, 8):
            alone = batched_kmeans(
                features[i:i + 1],
                4,
                seeds=seeds[i:i + 1],
                valid=None if mask is None else mask[i:i + 1],
                num_restarts=3)
            assert (alone.labels[0] == together.labels[i]).all()
            assert alone.inertia[0] == together.inertia[i]


def test_an_image_does_not_depend_on_the_padding_of_others():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(3, 784, 64, generator=random)
    valid = torch.ones(3, 784, dtype=torch.bool)
    valid[1, 400:] = False
    mixed = batched_kmeans(features, 8, seeds=[3, 4, 5], valid=valid)
    for i in range(3):
        alone = batched_kmeans(
            features[i:i + 1],
            8,
            seeds=[3 + i],
            valid=valid[i:i + 1] if i == 1 else None)
        for one, among in zip(alone, mixed):
            torch.testing.assert_close(one[0], among[i])


def test_seeds():
    features = tokens('noise', images=1).expand(3, -1, -1)
    same = batched_kmeans(features, 8, seeds=[5, 6, 5])
    assert (same.labels[0] == same.labels[2]).all()
    assert (same.labels[0] != same.labels[1]).any()
    torch.manual_seed(99)  # the global generator plays no role
    again = batched_kmeans(features, 8, seeds=[5, 6, 5])
    assert (again.labels == same.labels).all()


@pytest.mark.parametrize('kind', ['pixels', 'tokens'])
def test_more_restarts_are_better(kind):
    features = tokens(kind, images=8)
    one, eight = (
        batched_kmeans(features, 8, seeds=range(8), num_restarts=n).inertia
        for n in (1, 8))
    assert eight.mean() < one.mean()
    assert (eight <= 1.01 * one).all()


@pytest.mark.parametrize('kind', ['pixels', 'tokens'])
def test_invalid_tokens_play_no_role(kind):
    features = tokens(kind, images=2)
    valid = torch.rand(2, 196, generator=torch.Generator().manual_seed(0)) < .5
    valid[:, 0] = False
    spoilt = features.masked_fill(~valid[..., None], float('nan'))
    result = batched_kmeans(spoilt, 4, seeds=[0, 1], valid=valid)
    assert (result.labels[~valid] == 255).all()
    assert (result.labels[valid] < 4).all()
    for i in range(2):
        subset = features[i, valid[i]][None]
        expected = batched_kmeans(subset, 4, seeds=[i])
        assert (result.labels[i, valid[i]] == expected.labels[0]).all()
        assert result.inertia[i] == pytest.approx(
            float(expected.inertia), rel=1e-4)


def test_nothing_valid():
    result = batched_kmeans(
        tokens('tokens', images=1),
        4,
        seeds=[0],
        valid=torch.zeros(1, 196, dtype=torch.bool),
        num_restarts=2)
    assert (result.labels == 255).all()
    assert result.inertia == 0 and not result.centroids.isnan().any()


@pytest.mark.parametrize('channels', [3, 100])
@pytest.mark.parametrize('count', [1, 50])
def test_constant_image(channels, count):
    value = 0.1 + torch.rand(channels)  # its mean is not exact
    result = batched_kmeans(
        value.expand(2, count, -1), 8, seeds=[0, 1], num_restarts=3)
    assert all(len(labels.unique()) == 1 for labels in result.labels)
    assert (result.inertia < 1e-9).all()
    assert not result.centroids.isnan().any()


@pytest.mark.parametrize('channels', [3, 100])
def test_more_clusters_than_different_tokens(channels):
    features = torch.eye(channels)[:3].repeat(7, 1)[None]
    result = batched_kmeans(features, 8, seeds=[0])
    assert len(result.labels.unique()) == 3
    assert result.inertia == pytest.approx(0, abs=1e-5)
    assert not result.centroids.isnan().any()
    result = batched_kmeans(features[:, :2], 8, seeds=[0])
    assert len(result.labels.unique()) == 2


def test_flat_areas_are_not_clustered_by_rounding_errors():
    colors = torch.rand(1, 3, 100) * 50 + 100
    features = colors.repeat_interleave(40, 1)
    features = features * (1 + 1e-7 * torch.randn(features.shape))
    result = batched_kmeans(features, 8, seeds=[0], num_restarts=2)
    assert len(result.labels.unique()) == 3
    assert (result.labels.view(3, 40) == result.labels.view(3,
                                                            40)[:, :1]).all()


@pytest.mark.parametrize('weighted', [False, True])
def test_empty_clusters_are_repaired(weighted):
    """Two of four centroids are nobody's nearest, in one image of two."""
    features = torch.tensor([[0.], [1.], [10.], [11.], [20.], [21.]])
    features = features.expand(2, -1, -1)
    weight = None
    if weighted:  # the farthest token does not count
        features = torch.cat([features, torch.full((2, 1, 1), 1000.)], 1)
        weight = torch.ones(2, 7)
        weight[:, -1] = 0
    start = torch.tensor([[0., 500., 600., 10.], [0., 10., 20., 21.]])
    labels, _, inertia = lloyd(
        features,
        start[:, None, :, None],
        torch.ones(2, 1, 4),
        weight=weight,
        noise=torch.zeros(2),
        iterations=10,
        threshold=torch.zeros(2))
    assert (inertia <= 1.5).all(), inertia
    for row in labels[:, 0, :6]:
        assert len(row.unique()) == 4


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_and_autocast(dtype):
    features = tokens('tokens').to(dtype)
    expected = batched_kmeans(features.float(), 5, seeds=range(4))
    with torch.autocast('cpu', torch.bfloat16):
        result = batched_kmeans(features, 5, seeds=range(4))
    assert (result.labels == expected.labels).all()
    assert (result.inertia == expected.inertia).all()
    assert result.inertia.dtype == torch.float32


def test_far_from_the_origin():
    """A large common offset must not eat the digits."""
    features = tokens('tokens')
    near = batched_kmeans(features, 5, seeds=range(4), num_restarts=8)
    features += 1000
    far = batched_kmeans(features, 5, seeds=range(4), num_restarts=8)
    labels, inertia = naive_inertia(features, far.centroids)
    assert (far.labels.numpy() == labels).mean() > 0.99
    np.testing.assert_allclose(far.inertia.numpy(), inertia, rtol=1e-3)
    assert far.inertia.mean() == pytest.approx(
        float(near.inertia.mean()), rel=0.01)


def test_no_image():
    result = batched_kmeans(torch.zeros(0, 5, 3), 4, seeds=[])
    assert result.labels.shape == (0, 5) and result.inertia.shape == (0, )
    assert result.centroids.shape == (0, 4, 3)


@pytest.mark.parametrize('change, message', [
    (dict(features=torch.zeros(4, 3)), r'\(B, N, D\)'),
    (dict(features=torch.zeros(2, 4, 3, dtype=torch.uint8)), 'floats'),
    (dict(features=torch.zeros(2, 0, 3)), 'no token'),
    (dict(num_clusters=0), 'num_clusters=0'),
    (dict(num_clusters=256), 'num_clusters=256'),
    (dict(seeds=[1]), '1 seeds for 2 images'),
    (dict(valid=torch.ones(2, 5, dtype=torch.bool)), 'valid must be bool'),
    (dict(valid=torch.ones(2, 4)), 'valid must be bool'),
    (dict(num_restarts=0), 'num_restarts=0'),
])
def test_errors(change, message):
    arguments = dict(
        features=torch.zeros(2, 4, 3), num_clusters=2, seeds=[0, 1])
    with pytest.raises(ValueError, match=message):
        batched_kmeans(**{**arguments, **change})
