from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmlangseg.sseg.pseudo_masks import (PseudoMaskGenerator,
                                         find_generator_config)

PIXELS = dict(type='PixelFeatures', stride=4, smoothing=0.)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def halves(height=32, width=48) -> torch.Tensor:
    """Left half red, right half blue."""
    image = torch.zeros(1, 3, height, width)
    image[:, 0, :, :width // 2] = 255
    image[:, 2, :, width // 2:] = 255
    return image


def test_masks_follow_the_colors():
    generator = MODELS.build(
        dict(type='PseudoMaskGenerator', features=PIXELS, num_clusters=2))
    masks = generator(halves(), seeds=[0])
    assert masks.shape == (1, 32, 48) and masks.dtype == torch.int64
    assert len(masks[..., :24].unique()) == len(masks[..., 24:].unique()) == 1
    assert masks[0, 0, 0] != masks[0, 0, 47]


def test_the_grid_covers_images_of_any_size():
    """33 x 50 pixels are 9 x 13 cells; the border is between two cells."""
    generator = PseudoMaskGenerator(
        dict(PIXELS, position_weight=0.), num_clusters=2)
    masks = generator(halves(33, 50), seeds=[0])
    assert masks.shape == (1, 33, 50)
    edges = (masks[0, :, 1:] != masks[0, :, :-1]).nonzero()[:, 1].unique()
    assert len(edges) == 1 and abs(int(edges) + 1 - 25) <= 2


def test_seeds_and_batches():
    generator = PseudoMaskGenerator(PIXELS, num_clusters=6)
    images = torch.rand(5, 3, 32, 32) * 255
    together = generator(images, seeds=[5, 6, 7, 8, 9])
    assert (generator(images[3:4], seeds=[8])[0] == together[3]).all()
    assert (generator(images[3:4], seeds=[1])[0] != together[3]).any()


def test_padding_gets_no_cluster():
    generator = PseudoMaskGenerator(PIXELS, num_clusters=3)
    images = torch.rand(2, 3, 32, 40) * 255
    valid = torch.zeros(2, 32, 40, dtype=torch.bool)
    valid[0, :30, :22] = valid[1] = True
    masks = generator(images, seeds=[0, 1], valid=valid)
    assert (masks[~valid] == 255).all()
    assert (masks[1] < 3).all()
    # at most half a cell of the image goes with the padding
    assert (masks[0, :30, :20] < 3).all()
    # what is in the padding does not matter for the others
    images[0, :, 30:] = images[0, :, :, 24:] = 0
    again = generator(images, seeds=[0, 1], valid=valid)
    assert (again[1] == masks[1]).all()


@pytest.mark.parametrize('size', [(1, 1), (5, 3)])
def test_tiny_images(size):
    generator = PseudoMaskGenerator(dict(type='PixelFeatures'))
    masks = generator(torch.full((1, 3, *size), 90.), seeds=[0])
    assert masks.shape == (1, *size) and (masks == masks[0, 0, 0]).all()


def test_constant_image():
    generator = PseudoMaskGenerator(dict(PIXELS, position_weight=0.))
    masks = generator(torch.full((1, 3, 40, 40), 77.), seeds=[0])
    assert len(masks.unique()) == 1


def test_nothing_to_train_or_save():
    generator = PseudoMaskGenerator(PIXELS)
    assert not list(generator.parameters()) and not generator.state_dict()
    images = halves().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        masks = generator(images, seeds=[0])
    assert (masks == generator(halves(), seeds=[0])).all()


def test_config_of_the_generator():
    generator, other = dict(type='A'), dict(type='B')
    find = find_generator_config
    assert find(Config(dict(model=dict(pseudo_mask_generator=other)))) == other
    both = dict(
        model=dict(pseudo_mask_generator=other),
        pseudo_mask_generator=generator)
    assert find(Config(both)) == generator
    for none in (dict(), dict(model=dict(pseudo_mask_generator=None))):
        with pytest.raises(ValueError, match='no pseudo_mask_generator'):
            find(Config(none))
