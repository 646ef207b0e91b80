from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.color import rgb2lab

from mmlangseg.sseg.pseudo_masks import PixelFeatures
from mmlangseg.sseg.pseudo_masks.pixel_features import (gaussian_blur,
                                                        rgb_to_lab)


def test_lab_is_that_of_scikit_image():
    images = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    images[0, :, 0, :4] = torch.tensor([0., 0.001, 0.04, 1.])
    expected = rgb2lab(images.permute(0, 2, 3, 1).numpy())
    found = rgb_to_lab(images).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_blur_is_that_of_scipy():
    images = torch.rand(1, 2, 8, 11)
    expected = ndimage.gaussian_filter(
        images.numpy(), (0, 0, 1.3, 1.3), mode='nearest', radius=(0, 0, 4, 4))
    np.testing.assert_allclose(
        gaussian_blur(images, 1.3).numpy(), expected, atol=1e-5)


def test_cells_are_means_of_pixels():
    images = torch.rand(2, 3, 8, 12) * 255
    features = PixelFeatures(
        stride=4, color_space='rgb', position_weight=0., smoothing=0.)(
            images)
    assert features.shape == (2, 3, 2, 3)
    torch.testing.assert_close(features[1, :, 1, 2], images[1, :, 4:, 8:].mean(
        (1, 2)) / 2.55)


def test_position():
    features = PixelFeatures(
        stride=5, position_weight=30.)(
            torch.zeros(2, 3, 10, 20))
    assert features.shape == (2, 5, 2, 4)
    # centers of the cells; 30 along the longer side
    assert features[0, 3, :, 1].tolist() == pytest.approx([3.75, 11.25])
    assert features[1, 4,
                    1].tolist() == pytest.approx([3.75, 11.25, 18.75, 26.25])


@pytest.mark.parametrize('size, grid', [((17, 24), (3, 3)), ((1, 1), (1, 1)),
                                        ((3, 40), (1, 5))])
def test_any_size(size, grid):
    features = PixelFeatures(stride=8)(torch.full((1, 3, *size), 128.))
    assert features.shape == (1, 5, *grid)
    assert features.isfinite().all()


def test_colors_of_autocast_keep_their_digits():
    images = torch.rand(1, 3, 16, 16) * 255
    module = PixelFeatures()
    with torch.autocast('cpu', torch.bfloat16):
        found = module(images)
    assert (found == module(images)).all()


@pytest.mark.parametrize(
    'options',
    [dict(color_space='hsv'),
     dict(stride=0),
     dict(position_weight=-1.)])
def test_errors(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        PixelFeatures(**options)
