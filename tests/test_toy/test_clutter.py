from collections import Counter

import numpy as np
import pytest
from scipy.ndimage import label
from toy.semires.clutter import (COLORS, KINDS, LEAST_VISIBLE, PALETTE,
                                 ClutterObject, Scene, iter_scenes, make_scene)
from toy.semires.clutter_render import change_light, render_scene
from toy.semires.clutter_shapes import SHAPES, TEXTURES, texture

GRID = np.meshgrid(np.linspace(-1.5, 1.5, 301), np.linspace(-1.5, 1.5, 301))


def make_object(kind='disc', x=32., y=32., **fields):
    values = dict(
        kind=kind,
        color='red',
        large=True,
        center=(x, y),
        radius=10.,
        angle=0.,
        texture='plain',
        period=6.,
        phases=(0., 0., 0., 0.),
        rgb=(200., 40., 40.))
    return ClutterObject(**{**values, **fields})


@pytest.fixture(scope='module')
def scenes():
    return [
        make_scene(np.random.default_rng((3, i)), size=128) for i in range(60)
    ]


@pytest.mark.parametrize('kind', SHAPES)
def test_shapes_are_distances(kind):
    distance = SHAPES[kind](*GRID)
    inside = distance < 0
    assert 1.2 < inside.sum() * 0.01**2 < 3.2  # alike in area
    assert not (inside & (np.hypot(*GRID) > 1.25)).any()
    _, parts = label(inside)
    _, outsides = label(~inside)
    assert parts == 1 and outsides == (2 if kind == 'ring' else 1)
    # No step changes it by more than its length, and at the edge it changes
    # as fast: soft edges are equally wide everywhere.
    for axis in (0, 1):
        assert np.abs(np.diff(distance, axis=axis)).max() < 0.01001
    slope = np.hypot(*np.gradient(distance, 0.01))
    assert np.median(slope[np.abs(distance) < 0.05]) > 0.98


def test_disc_and_cross_by_hand():
    disc = SHAPES['disc']
    assert disc(np.array([1.88]), np.array([0.])) == pytest.approx(1)
    cross = SHAPES['cross']
    assert cross(np.array([0.5]), np.array([0.])) == pytest.approx(-0.36)
    assert cross(np.array([0.66]), np.array([0.76])) == pytest.approx(0.3)


@pytest.mark.parametrize('name', TEXTURES)
def test_textures(name):
    values = texture(name, *GRID, 0.4, (0.3, 1., 2., 3.))
    assert values.shape == GRID[0].shape and np.abs(values).max() <= 1
    assert (np.ptp(values) > 1) == (name != 'plain')


def test_unknown_texture():
    with pytest.raises(ValueError, match="'zigzag' is not known"):
        texture('zigzag', *GRID, 0.4, (0, 0, 0, 0))


def test_occlusion_by_hand():
    scene = Scene(64)
    for item in (make_object('square', 30, 30), make_object('disc', 42, 30),
                 make_object('square', 60, 60)):
        scene = scene.with_object(item)
    square, disc, cut = scene.masks
    side = 15.6  # of the square, 7.8 to each side of its center
    assert (square | disc).sum() > square.sum() + 200
    assert not (square & disc).any()
    assert scene.owner[30, 37] == 1  # both are here, the disc is in front
    assert scene.visible[1] == 1
    hidden = scene.hidden_by[0, 1]
    assert scene.visible[0] == pytest.approx(1 - hidden)
    assert 0.05 < hidden < 0.3 and scene.hidden_by[1, 0] == 0
    # The third is cut off by the border on two sides.
    assert scene.visible[2] == pytest.approx((11.8 / side)**2, abs=0.05)
    assert (scene.hidden_by.sum(axis=1) == [hidden, 0, 0]).all()
    assert scene.centers[1] == pytest.approx([42 / 64, 30 / 64], abs=1e-3)


def test_scenes_are_cluttered(scenes):
    counts = Counter(len(scene.objects) for scene in scenes)
    assert set(counts) == {3, 4, 5}
    visible = np.concatenate([scene.visible for scene in scenes])
    assert visible.min() >= LEAST_VISIBLE and visible.max() <= 1
    assert 0.3 < (visible < 0.95).mean() < 0.8
    items = [item for scene in scenes for item in scene.objects]
    assert {item.kind for item in items} == set(KINDS) <= set(SHAPES)
    assert {item.color for item in items} == set(COLORS) < set(PALETTE)
    assert {item.texture for item in items} == set(TEXTURES)
    large = [item.radius for item in items if item.large]
    small = [item.radius for item in items if not item.large]
    assert min(large) > 1.3 * max(small)
    split = sum(label(mask)[1] > 1 for s in scenes for mask in s.masks)
    assert split > 20  # by what lies in front


def test_pictures(scenes):
    for scene in scenes[:10]:
        picture = render_scene(scene, np.random.default_rng(0))
        assert picture.shape == (128, 128, 3) and picture.dtype == np.uint8
        assert picture[scene.owner < 0].std(axis=0).min() > 5  # textured
    # What is seen at an object's place has its color.
    checked = 0
    for scene in scenes[:10]:
        picture = render_scene(scene, np.random.default_rng(0)).astype(float)
        for item, mask in zip(scene.objects, scene.masks):
            mean = np.median(picture[mask], axis=0)
            names = list(PALETTE)
            far = np.linalg.norm(
                np.array(list(PALETTE.values())) - mean, axis=1)
            checked += 1
            assert item.color in [names[i] for i in np.argsort(far)[:2]]
    assert checked > 35


def test_light():
    gray = np.full((8, 8, 3), 100, dtype=np.uint8)
    changed = np.stack(
        [change_light(gray, np.random.default_rng(i)) for i in range(60)])
    assert changed.dtype == np.uint8 and (changed == changed[:, :1, :1]).all()
    light = changed[:, 0, 0].astype(float)
    assert light.mean(axis=1).min() < 85 and light.mean(axis=1).max() > 115
    assert np.ptp(light, axis=1).max() > 12
    white = np.full((2, 2, 3), 255, dtype=np.uint8)  # does not wrap around
    assert change_light(white, np.random.default_rng(1)).min() > 150


def test_soft_edges():
    scene = Scene(64).with_object(make_object('square', 32, 32, radius=16.))
    row = render_scene(scene, np.random.default_rng(1))[32, 10:32].astype(int)
    redness = row[:, 0] - row[:, 1]
    low, high = redness[:6].mean(), redness[-6:].mean()
    between = (redness > low + 0.15 * (high - low)) & (
        redness < high - 0.15 * (high - low))
    assert high - low > 80 and 1 <= between.sum() <= 4


def test_any_size():
    for size in (64, 96, 200):
        scene = make_scene(np.random.default_rng(0), size)
        assert scene.owner.shape == (size, size)
        assert render_scene(scene,
                            np.random.default_rng(0)).shape == (size, size, 3)


def test_seeded_and_independent_of_the_numbers():

    def draw(num_train, num_val, seed, purpose=0):
        return {
            (split, k): (scene.owner, rng.random())
            for k, (_, split, scene, rng) in enumerate(
                iter_scenes(num_train, num_val, 64, seed, purpose))
        }

    first, again = draw(2, 1, 5), draw(2, 1, 5)
    assert list(first) == [('train', 0), ('train', 1), ('val', 2),
                           ('testA', 3)]
    for key in first:
        assert (first[key][0] == again[key][0]).all()
        assert first[key][1] == again[key][1]
    more = draw(3, 1, 5)
    assert (more['val', 3][0] == first['val', 2][0]).all()
    assert (first['val', 2][0] != first['testA', 3][0]).any()
    assert (draw(1, 0, 6)['train', 0][0] != first['train', 0][0]).any()
    other = draw(2, 1, 5, purpose=1)['train', 0]
    assert (other[0] == first['train', 0][0]).all()
    assert other[1] != first['train', 0][1]
