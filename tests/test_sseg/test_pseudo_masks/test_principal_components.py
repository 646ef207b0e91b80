from __future__ import annotations

import pytest
import torch

from mmlangseg.sseg.pseudo_masks.principal_components import \
    principal_components


def tokens(images=2, count=400, rank=5, channels=60) -> torch.Tensor:
    """Tokens in a space of few dimensions, far from the origin."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    scales = torch.arange(rank, 0, -1.)
    return 3 + (normal(images, count, rank) * scales) @ normal(
        images, rank, channels)


def distances(features: torch.Tensor) -> torch.Tensor:
    return torch.cdist(
        features, features, compute_mode='donot_use_mm_for_euclid_dist')


def test_distances_within_the_space_are_kept():
    features = tokens()
    few = principal_components(features, 8)
    assert few.shape == (2, 400, 8)
    torch.testing.assert_close(
        distances(few), distances(features), rtol=1e-3, atol=1e-2)
    assert few.mean(1).abs().max() < 1e-4


def test_the_largest_variances_are_found():
    """Nearly what the exact axes have, with noise in all channels."""
    features = tokens() + 2 * torch.randn(
        2, 400, 60, generator=torch.Generator().manual_seed(1))
    found = principal_components(features, 8).square().sum((1, 2))
    centered = features - features.mean(1, keepdim=True)
    exact = torch.linalg.svdvals(centered)[:, :8].square().sum(1)
    assert (found > 0.95 * exact).all() and (found < 1.001 * exact).all()


def test_an_image_does_not_depend_on_the_others():
    features = tokens(images=3)
    together = principal_components(features, 8)
    again = principal_components(features[1:2], 8)
    torch.testing.assert_close(together[1:2], again)


def test_tokens_without_weight_play_no_role():
    features = tokens()
    weight = torch.rand(2, 400).lt(0.5).float()
    found = principal_components(features, 8, weight)
    features[weight == 0] = 1e3
    again = principal_components(features, 8, weight)
    assert (again[weight == 0] == 0).all()
    torch.testing.assert_close(found, again)


@pytest.mark.parametrize('count', [1, 7, 400])
def test_no_difference_no_component(count):
    features = torch.rand(60).expand(2, count, -1)
    assert principal_components(features, 8).abs().max() < 1e-5


def test_fewer_tokens_than_axes():
    features = tokens(count=3)
    few = principal_components(features, 8)
    torch.testing.assert_close(
        distances(few), distances(features), rtol=1e-3, atol=1e-2)
