"""Scans of 3D-STMN and its successors become those of our own converters."""
import zipfile

import numpy as np
import pytest
import scan_data
import torch

from mmlangseg.less.datasets.refer_pth import read_refer_pth
from mmlangseg.less.scans import files as scan_files


@pytest.fixture(scope='module')
def tool():
    return scan_data.load_converter('refer_pth')


def as_stmn(points, labels):
    """As prepare_data_refer.py of 3D-STMN describes a scan."""
    xyz = points[:, :3].astype(np.float64)
    return (xyz - xyz.mean(0), points[:, 3:] / 127.5 - 1,
            np.arange(len(xyz)) // 5, np.full(len(xyz), -100.), labels - 1)


@pytest.fixture
def native(tmp_path):
    """Three scans in our layout, and the same in that of 3D-STMN."""
    scenes = scan_data.write_scans(tmp_path / 'native', split='val')
    infos = scan_files.read_infos(tmp_path / 'native/infos_val.pkl',
                                  tmp_path / 'native')
    (tmp_path / 'val').mkdir()
    found = {}
    for scene in scenes:
        points = scan_files.read_points(infos[scene].points_path)
        labels = np.fromfile(infos[scene].instances_path, '<i8')
        found[scene] = points, labels
        torch.save(
            as_stmn(points, labels), tmp_path / f'val/{scene}_refer.pth')
    return found


@pytest.mark.parametrize('tensors', [False, True])
def test_arrays_are_equal(tool, native, tmp_path, tensors):
    scans = tmp_path / 'scans'
    for scene, (points, labels) in native.items():
        (scans / scene).mkdir(parents=True)
        (scans / scene / f'{scene}.txt'
         ).write_text('axisAlignment = 0 -1 0 5 1 0 0 6 0 0 1 7 0 0 0 1\n')
        if tensors:
            content = tuple(map(torch.as_tensor, as_stmn(points, labels)))
            torch.save(content, tmp_path / f'val/{scene}_refer.pth')
    root = tmp_path / 'out'
    assert tool.main([
        str(tmp_path / 'val'),
        str(root), '--split', 'val', '--scans',
        str(scans)
    ]) == 0
    infos = scan_files.read_infos(root / 'scannet_infos_val.pkl', root)
    assert set(infos) == set(native)
    for scene, (points, labels) in native.items():
        found = scan_files.read_points(infos[scene].points_path)
        assert np.array_equal(found[:, 3:], points[:, 3:])
        # centered: equal but for a shift
        shift = points[:, :3].mean(0, dtype=np.float64)
        assert np.allclose(found[:, :3] + shift, points[:, :3], atol=1e-6)
        assert np.array_equal(
            np.fromfile(infos[scene].instances_path, '<i8'), labels)
        assert np.array_equal(
            infos[scene].axis_align_matrix,
            [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def test_test_set(tool, native, tmp_path):
    scene, (points, labels) = next(iter(native.items()))
    torch.save(
        as_stmn(points, labels)[:3], tmp_path / f'val/{scene}_refer.pth')
    scan = read_refer_pth(tmp_path / f'val/{scene}_refer.pth')
    assert scan.instances is None
    assert np.array_equal(scan.superpoints, np.arange(len(points)) // 5)
    root = tmp_path / 'out'
    tool.main([str(tmp_path / 'val'), str(root), '--split', 'test'])
    infos = scan_files.read_infos(root / 'scannet_infos_test.pkl', root)
    assert infos[scene].instances_path is None


class Code:

    def __reduce__(self):
        return print, ('run', )


def test_files_that_need_more(tmp_path, capsys):
    path = tmp_path / 'a_refer.pth'
    for content in ((Code(), ) * 3, dict(xyz=Code())):
        torch.save(content, path)
        with pytest.raises(
                ValueError,
                match='more than tensors and arrays.*'
                'torch.as_tensor'):
            read_refer_pth(path)
    assert 'run' not in capsys.readouterr().out
    path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match='or is damaged'):
        read_refer_pth(path)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a/data.pkl', b'N.')
    with pytest.raises(ValueError, match='not written by torch.save'):
        read_refer_pth(path)


@pytest.mark.parametrize('change, message', [
    (lambda t: t[:2], 'is not a tuple of 3 or 5 arrays'),
    (lambda t: dict(a=t[0]), 'is not a tuple'),
    (lambda t: (t[0][:, :2], *t[1:]), r'must both be \(N, 3\)'),
    (lambda t: (*t[:4], t[4][1:]), 'but there are 60 points'),
    (lambda t: (t[0], 300 + t[1], *t[2:]), 'colors beyond -1 to 1'),
    (lambda t: (t[0] * np.nan, *t[1:]), 'that are not finite'),
    (lambda t: (*t[:4], t[4] + .5), 'are not integers'),
    (lambda t: (*t[:4], 'x'), 'is a str, not numbers'),
])
def test_wrong_tuples(native, tmp_path, change, message):
    path = tmp_path / 'a_refer.pth'
    torch.save(change(as_stmn(*native['scene0000_00'])), path)
    with pytest.raises(ValueError, match=message):
        read_refer_pth(path)
