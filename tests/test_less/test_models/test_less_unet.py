from __future__ import annotations

import pytest
import torch

from mmlangseg.less.models.less_unet import LESSUNet
from mmlangseg.less.models.scene_grid import SceneGrid
from mmlangseg.less.models.voxelize import VoxelScene


def make_scene(coordinates: list, seed: int = 0) -> VoxelScene:
    coordinates = torch.tensor(coordinates, dtype=torch.int32)
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(
        len(coordinates), 6, dtype=torch.float64, generator=random)
    return VoxelScene(features, coordinates, torch.arange(len(coordinates)),
                      torch.ones(len(coordinates)))


def unet(**settings) -> LESSUNet:
    torch.manual_seed(0)
    return LESSUNet(
        channels=[4, 6, 8], block_reps=1, word_channels=5,
        **settings).double().eval()


def run(model: LESSUNet, scenes: list, expressions: list) -> list:
    random = torch.Generator().manual_seed(1)
    words = torch.randn(
        sum(expressions), 3, 5, dtype=torch.float64, generator=random)
    mask = torch.ones(sum(expressions), 3, dtype=torch.bool)
    with torch.no_grad():
        return model(model.encode_scenes(scenes), expressions, words, mask)


# A row of voxels up to 136 along x: an extent of 137, odd.
LONG = make_scene([[x, 1, 2] for x in range(120, 137)])
# A longer one, whose extent is a multiple of 4.
LONGER = make_scene([[x, 1, 2] for x in range(130, 140)], seed=2)


@pytest.mark.parametrize('pad', [True, False])
def test_neighbors_in_the_batch(pad):
    """Without padding, the batch decides whether the last voxel is seen."""
    model = unet(pad_grid=pad, fusion=None)
    alone = run(model, [LONG], [1])[0]
    together = run(model, [LONG, LONGER], [1, 1])[0]
    assert torch.allclose(alone, together, rtol=0, atol=1e-12) == pad


def test_objects_far_apart_in_a_hall():
    """The number of WRAPPED in a grid of 5008 x 2512 x 1008 voxels, a floor of
    100 x 50 x 20 m at 2 cm, is 2^32: spconv's int32 takes it for 0."""
    block = [[x, y, z] for x in range(4) for y in range(5) for z in range(3)]
    moved = [[x + 1696, y + 528, z + 256] for x, y, z in block]
    corner = [[5007, 2511, 1007]]
    model, expressions = unet(fusion=None), [2]
    alone = [
        run(model, [make_scene(block, seed)], expressions)[0]
        for seed in (0, 1)
    ]
    hall = make_scene(block + moved + corner)
    hall.features[:60] = make_scene(block, 0).features
    hall.features[60:120] = make_scene(block, 1).features
    together = run(model, [hall], expressions)[0]
    torch.testing.assert_close(
        together[:, :120], torch.cat(alone, 1), rtol=0, atol=1e-12)


def test_the_last_voxel_reaches_the_coarse_levels():
    """With padding, the far voxel of an odd extent is like any other."""
    grids = [SceneGrid([LONG], 3, pad) for pad in (True, False)]
    assert [grid.shape[0] for grid in grids] == [140, 137]
    assert grids[0].shape[1:] == [128, 128]
    counts = []
    for pad in (True, False):
        model = unet(pad_grid=pad)
        sizes = []
        model.unet.u.blocks.register_forward_hook(
            lambda m, i, o: sizes.append(len(o.features)))
        run(model, [LONG], [1])
        counts += sizes
    assert counts == [9, 8]  # 17 voxels from an even start, halved


@pytest.mark.parametrize('pad', [True, False])
def test_shared_tables_equal_those_of_spconv(pad):
    """Several expressions use our tables, single ones those of spconv."""
    model = unet(pad_grid=pad, fusion=None)
    both = run(model, [LONG, LONGER], [2, 3])
    single = run(model, [LONG, LONGER], [1, 1])
    for several, one in zip(both, single):
        torch.testing.assert_close(
            several, one.expand_as(several), rtol=0, atol=1e-12)


def test_tables_are_reused_for_equal_and_for_other_repeats():
    model = unet()
    encoded = model.encode_scenes([LONG, LONGER])
    random = torch.Generator().manual_seed(1)
    words = torch.randn(5, 3, 5, dtype=torch.float64, generator=random)
    mask = torch.ones(5, 3, dtype=torch.bool)
    with torch.no_grad():
        first = model(encoded, [2, 3], words, mask)
        again = model(encoded, [2, 3], words, mask)
        other = model(encoded, [3, 2], words, mask)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    # The first two sentences belong to the first scene both times.
    torch.testing.assert_close(first[0], other[0][:2], rtol=0, atol=1e-12)


def test_output_does_not_depend_on_threads():
    model = unet(fusion=None).float()
    random = torch.Generator().manual_seed(3)
    coordinates = torch.unique(
        torch.randint(0, 40, (8000, 3), generator=random), dim=0).int()
    scene = VoxelScene(
        torch.randn(len(coordinates), 6, generator=random), coordinates,
        torch.arange(len(coordinates)), torch.ones(len(coordinates)))
    threads, outputs = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            with torch.no_grad():
                outputs.append(
                    model(
                        model.encode_scenes([scene]),
                        [1], torch.zeros(1, 1, 5),
                        torch.ones(1, 1, dtype=torch.bool))[0])
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)
