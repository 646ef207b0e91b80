import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

import mmlangseg.sseg  # noqa: F401  (registers the projection)


def build(**config):
    return MODELS.build(dict(type='ProjectionMLP', **config))


@pytest.mark.parametrize('norm, kind', [(None, None), ('BN', nn.BatchNorm1d),
                                        ('LN', nn.LayerNorm)])
def test_single_features_as_their_list(norm, kind):
    mlp = build(in_channels=6, hidden_channels=8, out_channels=4, norm=norm)
    mlp(torch.randn(5, 6))  # statistics
    mlp.eval()
    queries = torch.randn(2, 3, 6)
    out = mlp(queries)
    assert out.shape == (2, 3, 4) and mlp.out_channels == 4
    for image, projected in zip(queries, out):
        torch.testing.assert_close(mlp(image), projected)
    kinds = [type(layer) for layer in mlp.layers]
    assert kinds == [nn.Linear, *filter(None, [kind]), nn.ReLU, nn.Linear]


def test_defaults_are_the_papers_sizes():
    mlp = build(in_channels=256)
    shapes = [tuple(p.shape) for p in mlp.parameters()]
    assert shapes == [(256, 256), (256, ), (256, 256), (256, )]


def test_gradient_and_bad_norm():
    mlp = build(in_channels=3)
    mlp(torch.randn(2, 3)).sum().backward()
    assert all(p.grad is not None for p in mlp.parameters())
    with pytest.raises(ValueError, match="'BN', 'LN' or None"):
        build(in_channels=3, norm='GN')
