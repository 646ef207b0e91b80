import base64
import json

import numpy as np
import pytest
from plyfile import PlyData

from mmlangseg.less.visualization import ScanPainter, write_html, write_ply
from mmlangseg.less.visualization.point_colors import highlight, restore_colors
from mmlangseg.less.visualization.rasterizer import Camera, splat
from mmlangseg.visualization.colors import GT_COLOR

SIZE = (80, 100)


def make_room(rng):
    """A closed box of 4 x 3 x 2.5 m with a cube on its floor."""
    xyz = rng.random((6000, 3)) * [4, 3, 2.5]
    side = rng.integers(0, 6, 6000)
    for axis, length in enumerate((4, 3, 2.5)):
        xyz[side == 2 * axis, axis] = 0
        xyz[side == 2 * axis + 1, axis] = length
    cube = rng.random((800, 3)) * 0.6 + [1.5, 1, 0.05]
    rgb = np.full((6800, 3), 150.)
    return np.concatenate([xyz, cube]), rgb, np.arange(6800) >= 6000


def is_red(view):
    return view[..., 0] > view[..., 2] + 60


def is_blue(view):
    return view[..., 2] > view[..., 0] + 60


def views_of(picture):
    """The three panels, without header and lines."""
    body = picture[-SIZE[0]:].astype(np.float32)
    width = SIZE[1]
    return [body[:, i * (width + 1):i * (width + 1) + width] for i in range(3)]


def test_splat_keeps_the_nearest():
    pixels = np.array([[5, 5], [5, 5], [5, 6], [-9, 3]])
    depth = np.array([2., 1., 3., 0.])
    index = splat(pixels, depth, (12, 12), np.array([1, 0, 1, 1]))
    assert index[5, 5] == 1  # before point 0, which has a larger disc
    assert index[5, 4] == 0 and index[5, 6] == 0
    assert index[5, 7] == 2
    assert index[0, 0] == -1
    order = np.array([2, 0, 3, 1])  # does not depend on the order of points
    index = splat(pixels[order], depth[order], (12, 12), np.array([1, 1, 1,
                                                                   0]))
    assert order[index[5, 5]] == 1 and order[index[5, 7]] == 2


@pytest.mark.parametrize('azimuth, elevation, right, up', [
    (-90, 90, (1, 0, 0), (0, 1, 0)),
    (-90, 0, (1, 0, 0), (0, 0, 1)),
    (0, 0, (0, 1, 0), (0, 0, 1)),
])
def test_camera_axes(azimuth, elevation, right, up):
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), -1).reshape(-1, 3)
    camera = Camera(corners, azimuth, elevation, SIZE)
    middle = np.full(3, 0.5)
    pixels, depth = camera.project(
        np.stack([
            middle, middle + 0.3 * np.array(right),
            middle + 0.3 * np.array(up), middle + 0.3 * np.cross(right, up)
        ]))
    assert pixels[1, 1] > pixels[0, 1] and pixels[1, 0] == pixels[0, 0]
    assert pixels[2, 0] < pixels[0, 0] and pixels[2, 1] == pixels[0, 1]
    assert depth[3] < depth[0]  # towards the camera
    pixels, _ = camera.project(corners)
    assert (pixels >= 0).all() and (pixels < SIZE).all()


def test_object_in_a_closed_room_is_seen_from_everywhere():
    xyz, rgb, cube = make_room(np.random.default_rng(0))
    painter = ScanPainter(xyz, rgb, SIZE)
    for view in views_of(painter.draw('the cube', pred=cube)):
        painted = is_red(view)
        assert painted.sum() > 30
        assert painted.sum() < 0.3 * painted.size
    nothing = np.zeros(len(xyz), bool)
    for view in views_of(painter.draw('the cube', pred=nothing)):
        assert not is_red(view).any()


def test_ground_truth_is_outlined():
    xyz, rgb, cube = make_room(np.random.default_rng(1))
    painter = ScanPainter(xyz, rgb, SIZE)
    nothing = np.zeros(len(xyz), bool)
    outlined = views_of(painter.draw('cube', pred=nothing, gt=cube))
    filled = views_of(painter.draw('cube', gt=cube))
    for line, area in zip(outlined, filled):
        n_line, n_area = is_blue(line).sum(), is_blue(area).sum()
        assert 10 < n_line < n_area


def test_picture_is_deterministic_and_sentence_grows_header():
    xyz, rgb, cube = make_room(np.random.default_rng(2))
    short = ScanPainter(xyz, rgb, SIZE).draw('cube', cube, cube)
    again = ScanPainter(xyz, rgb, SIZE).draw('cube', cube, cube)
    assert short.dtype == np.uint8 and (short == again).all()
    text = 'the cube with $x$ and ' + 'a' * 90 + ' far from ' * 20
    long = ScanPainter(xyz, rgb, SIZE).draw(text, cube, cube)
    assert short.shape[0] < long.shape[0] < short.shape[0] + 120
    assert (short[-SIZE[0]:] == long[-SIZE[0]:]).all()


@pytest.mark.parametrize('n_points', [1, 2, 7])
def test_tiny_scans(n_points):
    xyz = np.arange(3. * n_points).reshape(-1, 3)
    mask = np.ones(n_points, bool)
    picture = ScanPainter(xyz, xyz, SIZE).draw('it', mask, mask)
    for view in views_of(picture):
        assert (view < 250).any()


def test_scan_without_points():
    with pytest.raises(ValueError, match='without points'):
        ScanPainter(np.zeros((0, 3)), np.zeros((0, 3)))


def test_highlight_and_restore_colors():
    rgb = np.array([[0., 0, 0], [200, 100, 50], [255, 255, 255]])
    out = highlight(rgb, [True, False, True], GT_COLOR)
    assert out[2].tolist() == list(GT_COLOR)
    assert out[0, 2] > out[0, 0]
    assert np.ptp(out[1].astype(int)) < 150 / 2  # faded

    class NormalizeScanColor:
        mean, scale = (109.8, 97.2, 83.8), 256.

    normalized = (rgb - NormalizeScanColor.mean) / 256
    restored = restore_colors(normalized, [object(), NormalizeScanColor()])
    np.testing.assert_allclose(restored, rgb, atol=1e-3)

    class NormalizePointsColor:
        color_mean = None

    restored = restore_colors(rgb / 255, [NormalizePointsColor()])
    np.testing.assert_allclose(restored, rgb, atol=1e-3)
    stretched = restore_colors(normalized)
    assert stretched.min() == 0 and stretched.max() == 255
    np.testing.assert_allclose(restore_colors(rgb), rgb)


def test_ply_round_trip(tmp_path):
    xyz, rgb, cube = make_room(np.random.default_rng(3))
    path = tmp_path / 'new' / 'room.ply'
    write_ply(path, xyz, rgb, cube, text='the "grün"\ncube')
    data = PlyData.read(str(path))
    vertex = data['vertex'].data
    np.testing.assert_allclose(vertex['y'], xyz[:, 1], rtol=1e-6)
    assert (vertex['referred'] == cube).all()
    assert (vertex['red'][cube] > vertex['blue'][cube] + 80).all()
    assert (vertex['red'][~cube] == vertex['blue'][~cube]).all()
    assert data.comments == ['text: the "gr?n" cube']


def test_html_is_self_contained_and_escapes_sentences(tmp_path):
    xyz, rgb, cube = make_room(np.random.default_rng(4))
    path = tmp_path / 'room.html'
    evil = '</script><script>alert(1)</script>'
    write_html(path, xyz, rgb, [
        dict(text=evil, pred=cube, gt=cube, note='score 0.9'),
        dict(text='plain', pred=~cube)
    ])
    page = path.read_text()
    assert page.count('<script>') == page.count('</script>') == 1
    assert evil not in page and '\\u003c/script>' in page
    assert '/*DATA*/' not in page
    assert 'http' not in page and 'src=' not in page


def test_html_holds_the_masks_as_its_script_reads_them(tmp_path):
    xyz, rgb, _ = make_room(np.random.default_rng(4))
    mask = np.random.default_rng(0).random(len(xyz)) < 0.3
    write_html(tmp_path / 'room.html', xyz, rgb,
               [dict(text='some', pred=mask)])
    page = (tmp_path / 'room.html').read_text()
    line, = [each for each in page.splitlines() if 'const data = ' in each]
    data = json.loads(line.strip().removeprefix('const data = ').rstrip(';'))

    def decode(text, kind):
        return np.frombuffer(base64.b64decode(text), kind)

    assert 'bits[i >> 3] >> (i & 7) & 1' in page
    bits = decode(data['expressions'][0]['pred'], 'u1')
    i = np.arange(data['count'])
    np.testing.assert_array_equal(bits[i >> 3] >> (i & 7) & 1, mask)
    places = decode(data['xyz'], '<u2').reshape(-1, 3) / 65535
    places = places * np.ptp(xyz, axis=0).max() + xyz.min(0)
    np.testing.assert_allclose(places, xyz, atol=1e-4)
    assert decode(data['rgb'], 'u1').shape == (3 * len(xyz), )


def test_few_points_are_drawn_where_all_would_be():
    """Only the neighborhood of the points is drawn, also at the border."""
    random = np.random.default_rng(0)
    xyz = random.random((3000, 3))
    painter = ScanPainter(xyz, np.full_like(xyz, 100))
    view = painter._view(-90, 90, False)
    inside = np.linalg.norm(xyz - 0.5, axis=1) < 0.1
    border = xyz[:, 0] > 0.98
    for some in (inside, border, np.zeros(3000, bool)):
        chosen = np.flatnonzero(some)
        whole = splat(view.pixels[chosen], view.depth[chosen],
                      view.camera.size, view.radius[chosen])
        expected = np.append(chosen, -1)[whole]
        assert np.array_equal(view.splat(some), expected)
        assert (expected >= 0).any() == some.any()
