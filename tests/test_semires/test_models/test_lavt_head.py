from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

import mmlangseg.semires  # noqa: F401  (registers the modules)


def features(sizes=((17, 12), (9, 6), (5, 3), (3, 2))):
    random = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, 4 * 2**i, *size, generator=random)
        for i, size in enumerate(sizes)
    ]


def build(**settings):
    torch.manual_seed(0)
    return MODELS.build(
        dict(type='LAVTHead', in_channels=(4, 8, 16, 32), **settings))


def test_from_the_deepest_to_the_finest():
    head = build(channels=6).eval()
    finest, second, third, x = features()
    for level, skip in zip(head.levels, (third, second, finest)):
        x = F.interpolate(x, skip.shape[-2:], mode='bilinear',
                          align_corners=True)  # yapf: disable
        x = torch.cat([x, skip], 1)
        for layer in level:
            x = layer.bn(F.conv2d(x, layer.conv.weight, padding=1)).relu()
    torch.testing.assert_close(head(features()), head.conv_seg(x))


def test_sizes():
    head = build(num_classes=3)
    assert head(features()).shape == (2, 3, 17, 12)
    assert head.conv_seg.in_channels == 16  # half of the deepest level
    assert [level[0].conv.bias for level in head.levels] == [None] * 3


@pytest.mark.parametrize('norm, name', [('BN', 'BatchNorm2d'),
                                        ('SyncBN', 'SyncBatchNorm')])
def test_normalization(norm, name):
    head = build(norm_cfg=dict(type=norm))
    assert type(head.levels[0][0].bn).__name__ == name
