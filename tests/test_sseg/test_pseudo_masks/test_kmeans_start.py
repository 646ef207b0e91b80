from __future__ import annotations

import torch

from mmlangseg.sseg.pseudo_masks.kmeans_start import (draw_uniform,
                                                      kmeans_plus_plus)


def draws(seeds, restarts=1, num_clusters=2, trials=1) -> torch.Tensor:
    return draw_uniform(seeds, restarts, num_clusters, trials,
                        torch.device('cpu'))


def test_numbers_of_an_image_come_from_its_seed():
    together = draws([3, 4], restarts=2)
    assert together.shape == (2, 2, 2, 1)
    assert (together[1] == draws([4], restarts=2)[0]).all()
    assert (together[0] != together[1]).any()


def test_separate_groups_get_a_center_each():
    features = torch.randn(
        3, 60, 4, generator=torch.Generator().manual_seed(0))
    features += 1000. * torch.arange(60)[:, None].remainder(5)
    labels = kmeans_plus_plus(features, draws([1, 2, 3], 2, 5, 3), None,
                              torch.zeros(len(features)))
    assert labels.shape == (3, 2, 60)
    for row in labels.flatten(0, 1):
        for group in range(5):
            assert len(row[group::5].unique()) == 1
        assert len(row.unique()) == 5


def test_chances_are_squared_distances():
    """Tokens at 0 (first center), 1 and 2: the second is 1 : 4."""
    features = torch.tensor([0., 1., 2.]).view(1, 3, 1).expand(4000, -1, -1)
    uniform = draws(range(4000))
    uniform[:, :, 0] = 0.1  # the first token
    labels = kmeans_plus_plus(features, uniform, None,
                              torch.zeros(len(features)))[:, 0]
    # token 1 is nearer to a second center at 1 only, or halfway
    chosen = labels[:, 1].float().mean()
    assert abs(chosen - 0.2) < 0.03


def test_the_better_of_several_draws_is_kept():
    features = torch.tensor([0., 0., 0., 0., 1., 9., 9., 9.]).view(1, 8, 1)
    uniform = torch.zeros(1, 1, 2, 3)
    uniform[0, 0, 1] = torch.tensor([0.001, 0.5, 0.002])  # token 4, 6, 4
    labels = kmeans_plus_plus(features, uniform, None,
                              torch.zeros(len(features)))
    assert labels.tolist() == [[[0, 0, 0, 0, 0, 1, 1, 1]]]


def test_invalid_tokens_are_never_drawn():
    features = torch.zeros(500, 4, 1)
    features[:, 3] = 100.
    features[:, 1] = 1.
    valid = torch.tensor([True, True, False, False]).expand(500, -1)
    uniform = draws(range(500), num_clusters=3)
    uniform[::2] = 1 - 2**-24  # the largest number that is drawn
    labels = kmeans_plus_plus(features, uniform, valid,
                              torch.zeros(len(features)))[:, 0]
    # the two valid tokens are the centers, the third is one of them again
    assert (labels[:, 0] != labels[:, 1]).all()
    assert (labels[:, :2] < 2).all()
    # were 100 a center, it would be its own
    assert (labels[:, 3] < 2).all()
