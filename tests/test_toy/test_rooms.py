import numpy as np
import pytest
from toy.less.furniture import KINDS
from toy.less.rooms import (GAP, PALETTE, POINT_SPACING, SCALES, make_room,
                            render)
from toy.less.shapes import box, disc, ellipsoid, frustum, merge, patch


def room_vertices(room):
    """All vertices of a room, (V, 3)."""
    parts = [part for item in room.objects for part in item.parts]
    parts += [room.floor, *room.walls]
    return merge([part.surface for part in parts]).vertices


@pytest.fixture(scope='module')
def rooms():
    return [make_room(np.random.default_rng((0, i))) for i in range(20)]


@pytest.mark.parametrize('surface, area', [
    (patch((0, 0, 0), (1, 0, 0), (0, 1, 0), 0.05), 1),
    (box((0, 0, 0), (1, 0.5, 0.4), 0.05, bottom=True), 2.2),
    (box((0, 0, 0), (1, 0.5, 0.4), 0.05), 1.7),
    (disc((0, 0, 0), 0.5, 0.05), np.pi / 4),
    (frustum((0, 0, 0), 0.5, 1, 0.05, cap=False), np.pi),
    (ellipsoid((0, 0, 0), (0.5, 0.5, 0.5), 0.05), np.pi),
])
def test_surfaces(surface, area):
    corners = surface.vertices[surface.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0],
                     corners[:, 2] - corners[:, 0])
    # The outermost half cell of each face is not meshed.
    assert 0.75 * area < np.linalg.norm(cross, axis=1).sum() / 2 < 1.02 * area
    assert abs(len(surface) * 0.05**2 / area - 1) < 0.1
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1)


def test_normals_point_outwards():
    for surface in (box((0, 0, -0.5), (1, 1, 1), 0.1, bottom=True),
                    ellipsoid((0, 0, 0), (0.5, 0.4, 0.3), 0.05),
                    frustum((0, 0, -0.5), 0.4, 1, 0.1, top_radius=0.2)):
        assert ((surface.vertices * surface.normals).sum(1) > 0).all()


def test_rooms_are_a_function_of_the_seed(rooms):
    again = make_room(np.random.default_rng((0, 3)))
    np.testing.assert_array_equal(
        room_vertices(again), room_vertices(rooms[3]))
    other = make_room(np.random.default_rng((1, 3)))
    assert other.extent != rooms[3].extent


def test_rooms_hold_what_they_should(rooms):
    assert all(5 <= len(room.objects) <= 15 for room in rooms)
    items = [item for room in rooms for item in room.objects]
    assert len({item.kind for item in items}) >= 8
    assert {item.color for item in items} == set(PALETTE)
    assert {item.scale for item in items} >= set(SCALES)
    assert any(item.support is not None for item in items)
    sizes = [len(room_vertices(room)) for room in rooms]
    assert 6000 < np.mean(sizes) < 9000


def test_objects_are_inside_and_apart(rooms):
    for room in rooms:
        floor = [i for i in room.objects if i.support is None]
        for a, item in enumerate(floor):
            reach = np.abs(item.center[:2]) + item.size[:2] / 2
            assert (reach <= np.array(room.extent) / 2).all()
            for other in floor[:a]:
                gap = np.abs(item.center -
                             other.center) - (item.size + other.size) / 2
                assert gap[:2].max() >= GAP - 1e-9


def test_things_on_furniture(rooms):
    for room in rooms:
        for item in room.objects:
            if item.support is None:
                continue
            base = room.objects[item.support]
            assert item.kind in dict(KINDS[base.kind].carries)
            bottom = item.center[2] - item.size[2] / 2
            top = base.center[2] + base.size[2] / 2
            assert abs(bottom - top) < 0.05
            reach = np.abs(item.center - base.center) + item.size / 2
            assert (reach[:2] <= base.size[:2] / 2 + 1e-9).all()


def test_spacing_suits_small_voxels(rooms):
    """Neighbors of a surface point lie within two voxels of 5 cm."""
    from scipy.spatial import cKDTree
    points = room_vertices(rooms[0])
    distance = cKDTree(points).query(points, k=2)[0][:, 1]
    assert np.percentile(distance, 99) < 2 * 0.05
    assert np.median(distance) > POINT_SPACING / 2


def test_render_keeps_colors_apart(rooms):
    rng = np.random.default_rng(0)
    means = {}
    for room in rooms:
        for item in room.objects:
            vertices, rgb = render(item.parts[0], rng)
            assert rgb.dtype == np.uint8 and len(rgb) == len(vertices)
            means.setdefault(item.color, []).append(rgb.mean(0))
    palette = np.array([PALETTE[name] for name in means])
    for index, colors in enumerate(means.values()):
        error = np.linalg.norm(
            np.array(colors)[:, None] - 0.9 * palette, axis=-1)
        assert (error.argmin(axis=1) == index).all()
