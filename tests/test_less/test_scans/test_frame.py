import numpy as np
import pytest
from toy.less.rooms import make_room
from toy.less.scannet_files import write_scan

from mmlangseg.apis import place_scan, read_alignment, read_scan
from mmlangseg.less.scans.frame import read_axis_alignment

UTM = np.array([456123.4, 5412345.6, 310.])


def make_xyz():
    rng = np.random.default_rng(0)
    return rng.random((2000, 3)) * [4, 3, 2]


@pytest.mark.parametrize('seed', range(3))
def test_aligned_rooms_stay_where_they_are(tmp_path, seed):
    rng = np.random.default_rng(seed)
    write_scan(tmp_path, 'a', make_room(rng), rng)
    raw = read_scan(tmp_path / 'a' / 'a_vh_clean_2.ply')[:, :3]
    align = read_alignment(tmp_path / 'a' / 'a.txt')
    placed, offset = place_scan('a', raw, align=align)
    assert np.abs(offset).max() < 0.02
    # wherever its file has it
    again, _ = place_scan('a', placed.astype(float) + UTM)
    np.testing.assert_allclose(again, placed, atol=1e-3)


def test_georeferenced_points_stay_distinct():
    xyz = make_xyz()
    placed, offset = place_scan('a', xyz + UTM)
    assert placed.dtype == np.float32
    np.testing.assert_allclose(placed + offset, xyz + UTM, atol=1e-6)
    assert len(np.unique(placed[:, 1])) > 1900
    np.testing.assert_allclose(
        (placed.min(0) + placed.max(0))[:2], 0, atol=0.02)


def test_floor_in_spite_of_stray_points():
    xyz = make_xyz()
    xyz[:1000, 2] = 1.4  # the floor
    xyz[1000:, 2] += 1.4
    xyz[:8, 2] = -3
    assert place_scan('a', xyz)[1][2] == pytest.approx(1.4)


def test_floor_is_the_first_percentile():
    """As of the scans that models were trained on."""
    xyz = make_xyz()
    xyz[:, 2] = np.linspace(0, 2, len(xyz))
    assert place_scan('a', xyz)[1][2] == pytest.approx(0.02)


def test_center_in_spite_of_a_stray_point():
    """Such as one that is seen through a window."""
    xyz = make_xyz()
    expected = place_scan('a', xyz)[1]
    xyz[0] = [60, -40, 1]
    np.testing.assert_allclose(place_scan('a', xyz)[1], expected, atol=0.02)


def test_scale_then_alignment():
    xyz = make_xyz()
    align = np.eye(4)
    align[:2] = [[0, -1, 0, 4], [1, 0, 0, 0]]
    placed, offset = place_scan('a', 100 * xyz, 0.01, align, center=False)
    np.testing.assert_allclose(
        placed, np.c_[4 - xyz[:, 1], xyz[:, 0], xyz[:, 2]], atol=1e-6)
    assert not offset.any()


@pytest.mark.parametrize('xyz, scale, remedy', [
    (1000 * make_xyz(), 1, 'for millimeters pass --scale 0.001'),
    (make_xyz(), 0.001, 'in meters leave out --scale 0.001'),
    (0.001 * make_xyz(), 1, 'nearly at one place'),
    (make_xyz()[:1], 1, 'nearly at one place'),
    (make_xyz()[:0], 1, 'nearly at one place'),
])
def test_extent_that_is_not_in_meters(xyz, scale, remedy):
    with pytest.raises(ValueError, match=f'a.ply: its extent.*{remedy}'):
        place_scan('a.ply', xyz, scale)


@pytest.mark.parametrize('scale', [0, -1, np.nan, np.inf])
def test_scale_that_is_none(scale):
    with pytest.raises(ValueError, match=f'scale={scale}.* positive'):
        place_scan('a.ply', make_xyz(), scale)


def test_coordinates_that_float32_cannot_hold():
    xyz = make_xyz() + UTM
    with pytest.raises(ValueError, match='5412348, where float32.*steps of 0'):
        place_scan('a.ply', xyz.astype(np.float32))
    with pytest.raises(ValueError, match='float32 knows only steps'):
        place_scan('a.ply', xyz, center=False)


def test_alignment_files(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('0 -1 0 2\n1 0 0 3\n0 0 1 4\n0 0 0 1\n')
    expected = [[0, -1, 0, 2], [1, 0, 0, 3], [0, 0, 1, 4], [0, 0, 0, 1]]
    np.testing.assert_array_equal(read_alignment(path), expected)
    values = ' '.join(path.read_text().split())
    path.write_text(f'sceneType = Bath\naxisAlignment = {values} \nx = 1\n')
    np.testing.assert_array_equal(read_alignment(path), expected)


@pytest.mark.parametrize('content', [
    b'sceneType = Bath\n', b'1 2 3', b'\xff\xfe\x00',
    b'2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1', b'1 0 0 0 0 1 0 0 0 0 -1 0 0 0 0 1',
    b'1 0 0 nan 0 1 0 0 0 0 1 0 0 0 0 1', b'1 0 0 0 0 1 0 0 0 0 1 0 5 0 0 1'
])  # yapf: disable
def test_bad_alignment_files(tmp_path, content):
    path = tmp_path / 'a.txt'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='a.txt holds no alignment.*axisAlig'):
        read_alignment(path)
    with pytest.raises(FileNotFoundError, match='none.txt does not exist'):
        read_alignment(tmp_path / 'none.txt')


def test_scene_file_without_alignment(tmp_path):
    path = tmp_path / 'scene0000_00.txt'
    path.write_text('sceneType = Bath\n')
    assert read_axis_alignment(path) is None
    for page in ('', '<html><body>404 Not Found</body></html>'):
        path.write_text(page)
        with pytest.raises(ValueError, match='00.txt has no line "name = val'):
            read_axis_alignment(path)
