"""Scans as E57, which pye57 writes for the test."""
import sys

import numpy as np
import pytest

from mmlangseg.apis import read_scan

UTM = np.array([448262.123, 5411932.456, 300.])


def test_library_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pye57', None)
    (tmp_path / 'a.e57').write_bytes(b'x')
    with pytest.raises(
            ImportError,
            match='a.e57: E57 is read with pye57, which '
            'is not installed: pip install pye57'):
        read_scan(tmp_path / 'a.e57')


class TestWithLibrary:

    @pytest.fixture(autouse=True)
    def library(self, monkeypatch):
        """Skips where there is no pye57, which is optional."""
        self.pye57 = pytest.importorskip('pye57')
        # it writes single precision, unlike the programs of scanners
        monkeypatch.setattr(self.pye57.libe57, 'E57_SINGLE',
                            self.pye57.libe57.E57_DOUBLE)

    def write(self, path, *scans):
        """Scans: xyz, rgb or None, further fields, pose."""
        with self.pye57.E57(str(path), mode='w') as file:
            for xyz, rgb, fields, pose in scans:
                data = dict(
                    zip(('cartesianX', 'cartesianY', 'cartesianZ'),
                        np.ascontiguousarray(xyz.T)), **fields)
                if rgb is not None:
                    data.update(
                        zip(('colorRed', 'colorGreen', 'colorBlue'),
                            np.ascontiguousarray(rgb.T)))
                file.write_scan_raw(data, **pose)

    @pytest.fixture
    def cloud(self):
        rng = np.random.default_rng(0)
        return rng.random((30, 3)), rng.integers(0, 256, (30, 3), np.uint8)

    def test_equal_to_the_array(self, cloud, tmp_path):
        xyz, rgb = cloud
        self.write(tmp_path / 'a.e57', (xyz + UTM, rgb, {}, {}))
        found = read_scan(tmp_path / 'a.e57')
        assert found.dtype == np.float64
        # float32 has steps of half a meter there
        assert np.abs(found[:, :3] - UTM - xyz).max() < 1e-6
        assert np.array_equal(found[:, 3:], rgb)

    def test_scans_are_moved_by_their_poses(self, cloud, tmp_path):
        xyz, rgb = cloud
        half = np.sqrt(0.5)  # a quarter turn around z, then to UTM
        pose = dict(rotation=np.array([half, 0, 0, half]), translation=UTM)
        self.write(tmp_path / 'a.e57', (xyz, rgb, {}, {}),
                   (xyz, None, {}, pose))
        found = read_scan(tmp_path / 'a.e57')
        assert len(found) == 60
        assert np.allclose(found[:30, :3], xyz, atol=1e-9)
        turned = np.stack([-xyz[:, 1], xyz[:, 0], xyz[:, 2]], 1)
        assert np.abs(found[30:, :3] - UTM - turned).max() < 1e-6
        assert np.array_equal(found[:30, 3:], rgb)
        assert len(np.unique(found[30:, 3:])) == 1  # it has no colors: grey

    def test_invalid_points_are_left_out(self, cloud, tmp_path):
        xyz, rgb = cloud
        state = np.zeros(30, np.int8)
        state[[3, 7]] = 2, 1
        self.write(tmp_path / 'a.e57',
                   (xyz, rgb, dict(cartesianInvalidState=state), {}))
        found = read_scan(tmp_path / 'a.e57')
        assert np.allclose(found[:, :3], xyz[state == 0])
        assert np.array_equal(found[:, 3:], rgb[state == 0])

    def test_without_colors(self, cloud, tmp_path):
        self.write(tmp_path / 'a.e57', (cloud[0], None, {}, {}))
        with pytest.warns(UserWarning, match='has no colors'):
            assert len(read_scan(tmp_path / 'a.e57')) == 30

    def test_no_scan(self, tmp_path):
        self.write(tmp_path / 'a.e57')
        with pytest.raises(ValueError, match='there is no scan in it'):
            read_scan(tmp_path / 'a.e57')

    def test_damaged(self, cloud, tmp_path):
        path = tmp_path / 'a.e57'
        self.write(path, (*cloud, {}, {}))
        data = path.read_bytes()
        middle = data[:600] + b'\0' * 50 + data[650:]  # checksums find it
        for content in (b'', b'ASTM-E57', data[:100], data[:1500], middle):
            path.write_bytes(content)
            with pytest.raises(ValueError, match='not an E57 file that can'):
                read_scan(path)
