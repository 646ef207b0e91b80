import pickle

import numpy as np
import pytest
from scan_data import write_scans

from mmlangseg.less.scans import files as scan_files


def test_round_trip(tmp_path):
    points = np.random.default_rng(0).uniform(0, 255, (7, 6))
    labels = np.array([0, 1, 1, 5, 0, 5, 2])
    scan_files.write_scan(tmp_path, 'a', points, labels, labels * 3)
    assert scan_files.scan_size(tmp_path, 'a') == 7
    paths = scan_files.scan_paths(tmp_path, 'a')
    np.testing.assert_array_equal(
        scan_files.read_points(paths[0]), points.astype(np.float32))
    read = scan_files.read_instances(paths[1], 7)
    np.testing.assert_array_equal(read, labels)
    assert read.flags.writeable
    np.testing.assert_array_equal(np.fromfile(paths[2], '<i8'), labels * 3)
    np.testing.assert_array_equal(scan_files.object_ids_in(labels), [0, 1, 4])


def test_incomplete_scan_has_no_size(tmp_path):
    assert scan_files.scan_size(tmp_path, 'a') is None
    scan_files.write_scan(tmp_path, 'a', np.zeros((4, 6)), np.zeros(4))
    points, instances, _ = scan_files.scan_paths(tmp_path, 'a')
    instances.write_bytes(instances.read_bytes()[:-1])
    assert scan_files.scan_size(tmp_path, 'a') is None
    instances.write_bytes(b'\0' * 32)
    points.write_bytes(points.read_bytes()[:-8])
    assert scan_files.scan_size(tmp_path, 'a') is None


def test_truncated_points(tmp_path):
    scan_files.write_scan(tmp_path, 'a', np.zeros((4, 6)), np.zeros(4))
    path = scan_files.scan_paths(tmp_path, 'a')[0]
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match='a.bin is truncated: 93 bytes'):
        scan_files.read_points(path)
    path.write_bytes(b'')
    with pytest.raises(ValueError, match='truncated'):
        scan_files.read_points(path)


def test_not_finite_points(tmp_path):
    points = np.zeros((4, 6))
    points[1, 2], points[3, 0] = np.nan, np.inf
    scan_files.write_scan(tmp_path, 'a', points, np.zeros(4))
    with pytest.raises(ValueError, match='2 of 4 points have NaN'):
        scan_files.read_points(scan_files.scan_paths(tmp_path, 'a')[0])


def test_labels_that_are_no_objects(tmp_path):
    """Kept as int32, 2^32 + 3 would be the label of object 2."""
    path = tmp_path / 'mask.bin'
    np.array([0, -1, -100, 4], '<i8').tofile(path)
    assert scan_files.read_instances(path, 4).tolist() == [0, 0, 0, 4]
    np.array([0, 1, 2, 2**32 + 3], '<i8').tofile(path)
    with pytest.raises(ValueError, match='label 4294967299, more than'):
        scan_files.read_instances(path, 4)


def test_mask_of_another_scan(tmp_path):
    scan_files.write_scan(tmp_path, 'a', np.zeros((4, 6)), np.zeros(3))
    path = scan_files.scan_paths(tmp_path, 'a')[1]
    with pytest.raises(ValueError, match='labels 3 points, but .* has 4'):
        scan_files.read_instances(path, 4)


@pytest.mark.parametrize('name', ['../a', 'a/b', '', '.a', 3, 'a\n'])
def test_scene_names_are_checked(name):
    with pytest.raises(ValueError, match='not a scene name'):
        scan_files.check_scene_id(name)


def test_infos_of_mmdet3d(tmp_path):
    """Lists instead of arrays, extra keys, an entry without alignment."""
    item = dict(
        lidar_points=dict(num_pts_feats=6, lidar_path='s1.bin'),
        pts_instance_mask_path='s1.bin',
        instances=[dict(bbox_3d=[0.0] * 6, bbox_label_3d=1)],
        axis_align_matrix=(2 * np.eye(4)).tolist())
    other = dict(
        lidar_points=dict(lidar_path='s2.bin'),
        pts_instance_mask_path='s2.bin')
    path = tmp_path / 'infos.pkl'
    path.write_bytes(pickle.dumps(dict(data_list=[item, other])))
    infos = scan_files.read_infos(path, 'root')
    assert list(infos) == ['s1', 's2']
    assert infos['s1'].points_path == 'root/points/s1.bin'
    assert infos['s1'].instances_path == 'root/instance_mask/s1.bin'
    np.testing.assert_array_equal(infos['s1'].axis_align_matrix, 2 * np.eye(4))
    np.testing.assert_array_equal(infos['s2'].axis_align_matrix, np.eye(4))


def test_our_infos_suit_mmdet3d(tmp_path):
    """MMDetection3D's own data set class reads the scans."""
    from mmdet3d.datasets import ScanNetDataset
    from mmengine.registry import init_default_scope
    init_default_scope('mmdet3d')
    write_scans(tmp_path)
    dataset = ScanNetDataset(
        data_root=str(tmp_path),
        ann_file='infos_train.pkl',
        data_prefix=dict(pts='points', pts_instance_mask='instance_mask'),
        pipeline=[
            dict(
                type='LoadPointsFromFile',
                coord_type='DEPTH',
                load_dim=6,
                use_dim=6),
            dict(type='GlobalAlignment', rotation_axis=2)
        ],
        filter_empty_gt=False,
        test_mode=True)
    assert len(dataset) == 3
    assert dataset[1]['points'].tensor.shape == (61, 6)


@pytest.mark.parametrize('item, message', [
    (dict(), 'lidar_points'),
    (dict(
        lidar_points=dict(lidar_path='../../x.bin'),
        pts_instance_mask_path='x.bin'), 'not a path inside'),
    (dict(
        lidar_points=dict(lidar_path='x.bin'),
        pts_instance_mask_path='x.bin',
        axis_align_matrix=np.eye(3)), '4 x 4'),
    ('text', 'data_list'),
])
def test_bad_info_entries(tmp_path, item, message):
    path = tmp_path / 'infos.pkl'
    path.write_bytes(pickle.dumps(dict(data_list=[item])))
    with pytest.raises(ValueError, match=message) as error:
        scan_files.read_infos(path, tmp_path)
    assert 'data_list[0]' in str(error.value)


def test_other_files_as_infos(tmp_path):
    path = tmp_path / 'infos.pkl'
    with pytest.raises(FileNotFoundError, match='scannet.py'):
        scan_files.read_infos(path, tmp_path)
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match='no "data_list"'):
        scan_files.read_infos(path, tmp_path)
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(ValueError, match='builtins.print'):
        scan_files.read_infos(path, tmp_path)
