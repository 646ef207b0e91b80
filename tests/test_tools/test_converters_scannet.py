"""tools/dataset_converters/scannet.py on a toy ScanNet."""
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData, PlyElement
from scan_data import load_converter

from mmlangseg.less.datasets import scan_files
from mmlangseg.toy.scannet_files import write_toy_scannet

SCENE = 'scene0000_00'


@pytest.fixture(scope='module')
def scannet():
    return load_converter('scannet')


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp('scannet')
    write_toy_scannet(root, num_train=3, num_val=1)
    return root


@pytest.fixture
def raw(toy, tmp_path):
    """A copy of the raw data that a test may damage."""
    return Path(shutil.copytree(toy, tmp_path / 'raw'))


def run(scannet, raw, *args):
    return scannet.main([str(raw), '--workers', '2', *map(str, args)])


def raw_file(raw, suffix, scene=SCENE):
    return raw / 'scans' / scene / f'{scene}{suffix}'


def read_scan(root, scene=SCENE):
    points, instances, semantics = scan_files.scan_paths(root, scene)
    points = scan_files.read_points(points)
    return (points, scan_files.read_instances(instances, len(points)),
            scan_files.read_instances(semantics, len(points)))


def test_layout_and_content(scannet, raw, tmp_path):
    out = tmp_path / 'out'
    assert run(scannet, raw, '--out', out) == 0
    infos = scan_files.read_infos(out / 'scannet_infos_train.pkl', out)
    assert sorted(infos) == [f'scene{i:04d}_00' for i in range(3)]
    text = raw_file(raw, '.txt').read_text().splitlines()[0].split('=')[1]
    np.testing.assert_array_equal(infos[SCENE].axis_align_matrix.ravel(),
                                  np.array(text.split(), float))
    points, instances, semantics = read_scan(out)
    vertex = PlyData.read(raw_file(raw, '_vh_clean_2.ply'))['vertex']
    names = ('x', 'y', 'z', 'red', 'green', 'blue')
    np.testing.assert_array_equal(points,
                                  np.stack([vertex[n] for n in names], axis=1))

    # Vertex by vertex, as the formats say.
    segments = json.loads(
        raw_file(raw, '_vh_clean_2.0.010000.segs.json').read_text())
    groups = json.loads(raw_file(raw, '.aggregation.json').read_text())
    owner = {
        s: group
        for group in groups['segGroups']
        for s in group['segments']
    }
    nyu40 = dict(chair=5, floor=2, wall=1)
    for vertex, segment in enumerate(segments['segIndices'][::7]):
        group = owner.get(segment)
        expected = group['objectId'] + 1 if group else 0
        assert instances[7 * vertex] == expected
        label = group['label'] if group else ''
        if label in nyu40:
            assert semantics[7 * vertex] == nyu40[label]
    assert (instances == 0).any()


def test_later_objects_overwrite(scannet, raw):
    path = raw_file(raw, '.aggregation.json')
    content = json.loads(path.read_text())
    first, last = content['segGroups'][0], content['segGroups'][-1]
    last['segments'] += first['segments']
    path.write_text(json.dumps(content))
    assert run(scannet, raw) == 0
    assert not (read_scan(raw)[1] == first['objectId'] + 1).any()


def test_ply_without_alpha(scannet, raw):
    path = raw_file(raw, '_vh_clean_2.ply')
    vertex = PlyData.read(path)['vertex']
    names = ['x', 'y', 'z', 'red', 'green', 'blue']
    data = vertex.data[names].astype([(n, 'f4') for n in names[:3]] +
                                     [(n, 'u1') for n in names[3:]])
    PlyData([PlyElement.describe(data, 'vertex')]).write(path)
    assert run(scannet, raw) == 0
    assert len(read_scan(raw)[0]) == len(data)


def test_scan_without_alignment(scannet, raw):
    raw_file(raw, '.txt').write_text('sceneType = Toy\n')
    assert run(scannet, raw) == 0
    infos = scan_files.read_infos(raw / 'scannet_infos_train.pkl', raw)
    np.testing.assert_array_equal(infos[SCENE].axis_align_matrix, np.eye(4))


def test_complete_scans_are_kept(scannet, raw):
    assert run(scannet, raw) == 0
    kept = raw / 'points' / f'{SCENE}.bin'
    lost = raw / 'instance_mask' / 'scene0001_00.bin'
    stamp = kept.stat().st_mtime_ns
    size = lost.stat().st_size
    lost.write_bytes(lost.read_bytes()[:-8])  # as after a full disk
    assert run(scannet, raw) == 0
    assert kept.stat().st_mtime_ns == stamp
    assert lost.stat().st_size == size


def test_sub_sampled_scans_are_made_again(scannet, raw):
    """MMDetection3D's exporter may have dropped vertices."""
    assert run(scannet, raw) == 0
    full = scan_files.scan_size(raw, SCENE)
    points, instances, _ = read_scan(raw)
    scan_files.write_scan(raw, SCENE, points[::2], instances[::2])
    assert run(scannet, raw) == 0
    assert scan_files.scan_size(raw, SCENE) == full


def test_processed_tree_is_only_checked(scannet, raw, capsys):
    """A tree of MMDetection3D's converter whose raw scans are gone."""
    assert run(scannet, raw) == 0
    shutil.rmtree(raw / 'scans')
    before = {p: p.read_bytes() for p in raw.rglob('*') if p.is_file()}
    assert run(scannet, raw) == 0
    assert 'is complete and kept' in capsys.readouterr().out
    assert before == {p: p.read_bytes() for p in before}
    (raw / 'points' / f'{SCENE}.bin').unlink()
    assert run(scannet, raw) == 1
    assert f'{SCENE}_vh_clean_2.ply' in capsys.readouterr().err


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def edit(key, value):

    def change(path):
        content = json.loads(path.read_text())
        content[key] = value
        path.write_text(json.dumps(content))

    return change


@pytest.mark.parametrize('suffix, damage, message', [
    ('_vh_clean_2.ply', Path.unlink, 'does not exist'),
    ('_vh_clean_2.ply', truncate, 'truncated'),
    ('_vh_clean_2.ply', lambda p: p.write_text('hello'), 'not a PLY'),
    ('.aggregation.json', Path.unlink, 'is missing'),
    ('.aggregation.json', truncate, 'truncated'),
    ('.aggregation.json', edit('segGroups', [3]), 'object 3 is not usable'),
    ('.aggregation.json',
     edit('segGroups', [dict(objectId=0, label='chair', segments=[-5])]),
     'A segment is not in the mesh'),
    ('_vh_clean_2.0.010000.segs.json', edit('segIndices',
                                            [1, 2]), '2 entries'),
    ('_vh_clean_2.0.010000.segs.json', edit('other', []), None),
    ('.txt', lambda p: p.write_text('axisAlignment = 1 2'), '16 numbers'),
])
def test_bad_scans_are_reported(scannet, raw, capsys, suffix, damage, message):
    damage(raw_file(raw, suffix))
    status = run(scannet, raw)
    if message is None:  # a harmless change
        assert status == 0
        return
    error = capsys.readouterr().err
    assert status == 1
    assert message in error and f'{SCENE}{suffix}' in error
    # The other scans are there, nothing of the bad split's list.
    assert scan_files.scan_size(raw, 'scene0001_00')
    assert not (raw / 'scannet_infos_train.pkl').exists()
    assert (raw / 'scannet_infos_val.pkl').exists()
    if suffix != '.txt':
        assert not any(p.exists() for p in scan_files.scan_paths(raw, SCENE))
    leftovers = [p for p in raw.rglob('.*') if p.is_file()]
    assert not leftovers


def test_several_bad_scans_are_all_named(scannet, raw, capsys):
    for scene in ('scene0000_00', 'scene0002_00'):
        raw_file(raw, '.aggregation.json', scene).unlink()
    assert run(scannet, raw) == 1
    error = capsys.readouterr().err
    assert '2 failed' in error
    assert 'scene0000_00:' in error and 'scene0002_00:' in error


def test_partial_download(scannet, raw, capsys):
    shutil.rmtree(raw / 'scans' / SCENE)
    assert run(scannet, raw) == 1
    assert run(scannet, raw, '--present-only') == 0
    infos = scan_files.read_infos(raw / 'scannet_infos_train.pkl', raw)
    assert SCENE not in infos and len(infos) == 2


@pytest.mark.parametrize(
    'name', ['scannetv2-labels.combined.tsv', 'scannetv2_train.txt'])
def test_missing_meta_data(scannet, raw, capsys, name):
    (raw / 'meta_data' / name).unlink()
    assert run(scannet, raw) == 1
    assert name in capsys.readouterr().err


def test_split_list_with_paths(scannet, raw, capsys):
    (raw / 'meta_data' / 'scannetv2_val.txt').write_text('../evil\n')
    assert run(scannet, raw) == 1
    assert 'not a scene name' in capsys.readouterr().err
