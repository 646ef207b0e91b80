"""tools/dataset_converters/scannet.py on a toy ScanNet."""
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData, PlyElement
from scan_data import load_converter
from toy.less.scannet_files import write_toy_scannet

from mmlangseg.io.annotations import AnnotationError
from mmlangseg.less.scans import files as scan_files

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


def promise(element, count):

    def change(path):
        data = path.read_bytes()
        start = data.index(b'element ' + element)
        end = data.index(b'\n', start)
        path.write_bytes(data[:start] + b'element %s %d' % (element, count) +
                         data[end:])

    return change


def align(matrix):
    values = ' '.join(map(str, np.asarray(matrix).ravel()))
    return lambda path: path.write_text(f'axisAlignment = {values}\n')


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
    ('.txt', align(2 * np.eye(4)), 'it is not a rotation and a shift'),
    ('.txt', align(np.diag([1, 1, -1, 1])), 'not a rotation'),
    ('.txt', align(np.full((4, 4), np.nan)), 'not a rotation'),
    ('.txt', lambda p: p.write_bytes(b'\xff\xfe'), 'is not UTF-8 text'),
    ('_vh_clean_2.ply', promise(b'vertex', 10**12), 'element vertex 1000'),
    ('_vh_clean_2.ply', promise(b'face', 10**12), 'element face 1000'),
    ('_vh_clean_2.ply', promise(b'face', -3), 'is no number of rows'),
    ('.aggregation.json', lambda p: p.write_text('[' * 100000), 'recursion'),
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


GROUP = dict(objectId=0, label='chair', segments=[1])


@pytest.mark.parametrize('content, message', [
    ([1], 'no list "segGroups"'),
    (dict(segGroups=dict(a=1)), 'no list "segGroups"'),
    (dict(segGroups=[GROUP, None]), 'entry 1: object None'),
    (dict(segGroups=[dict(GROUP, objectId='3')]), '"objectId" is \'3\''),
    (dict(segGroups=[dict(GROUP, objectId=True)]), '"objectId" is True'),
    (dict(segGroups=[dict(GROUP, objectId=-1)]), '"objectId" is -1'),
    (dict(segGroups=[dict(GROUP, objectId=10**30)]), '"objectId" is 1000'),
    (dict(segGroups=[dict(GROUP, label=5)]), '"label" is 5'),
    (dict(segGroups=[dict(GROUP, segments=[[1]])]), '"segments" holds'),
    (dict(segGroups=[dict(GROUP, segments=None)]), '"segments" is None'),
    (dict(segGroups=[dict(objectId=0)]), '"label" is None'),
])
def test_damaged_objects(tmp_path, content, message):
    path = tmp_path / 'a.aggregation.json'
    path.write_text(json.dumps(content))
    with pytest.raises(AnnotationError) as error:
        load_converter('scannet_labels').read_objects(path)
    assert str(path) in str(error.value) and message in str(error.value)
    assert 'Download the file again' in str(error.value)


@pytest.mark.parametrize('segments, message', [
    (None, 'no list "segIndices"'),
    ([1, 2, -2], 'entry 2, is -2, not an integer'),
    ([1, [2], 3], 'entry 1, is [2], not an integer'),
    ([True, 2, 3], 'entry 0, is True, not an integer'),
    ([1, 2, 10**30], 'entry 2, is 1000'),
    ([1, 2], '2 entries, but the mesh 3 vertices'),
])
def test_damaged_segments(tmp_path, segments, message):
    path = tmp_path / 'a.segs.json'
    path.write_text(json.dumps(dict(segIndices=segments)))
    with pytest.raises(AnnotationError) as error:
        load_converter('scannet_labels').read_segments(path, 3)
    assert str(path) in str(error.value) and message in str(error.value)


def test_label_that_the_table_lacks(scannet, raw, capsys):
    path = raw_file(raw, '.aggregation.json')
    path.write_text(path.read_text().replace('"wall"', '"gizmo"'))
    assert run(scannet, raw) == 1
    error = capsys.readouterr().err
    assert "the label 'gizmo', which is not in scannetv2-labels" in error


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


@pytest.mark.parametrize('content', [b'\xff\xfes\x00', b'\xe9\n'])
@pytest.mark.parametrize(
    'name', ['scannetv2-labels.combined.tsv', 'scannetv2_train.txt'])
def test_meta_data_that_is_not_utf8(scannet, raw, capsys, name, content):
    (raw / 'meta_data' / name).write_bytes(content)
    assert run(scannet, raw) == 1
    error = capsys.readouterr().err
    assert f'{name} is not UTF-8 text' in error and 'Save it' in error


def test_byte_order_marks(scannet, raw):
    """Of files that a Windows program saved."""
    paths = [*(raw / 'meta_data').iterdir()]
    paths += [raw_file(raw, s) for s in ('.txt', '.aggregation.json')]
    for path in paths:
        path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    assert run(scannet, raw) == 0
    infos = scan_files.read_infos(raw / 'scannet_infos_train.pkl', raw)
    assert SCENE in infos
    assert not np.array_equal(infos[SCENE].axis_align_matrix, np.eye(4))


@pytest.mark.parametrize('line, message', [
    ('3\tchair\tx', "line 3: \"nyu40id\" is 'x'"),
    ('3\tchair', 'line 3: "nyu40id" is None'),
    ('3\tchair\t-5', "line 3: \"nyu40id\" is '-5'"),
])
def test_damaged_label_table(scannet, raw, capsys, line, message):
    path = raw / 'meta_data' / 'scannetv2-labels.combined.tsv'
    path.write_text(f'id\traw_category\tnyu40id\n1\twall\t1\n{line}\n')
    assert run(scannet, raw) == 1
    error = capsys.readouterr().err
    assert message in error and path.name in error


def write_twice(raw, scene=SCENE):
    """List every object twice; returns first id of each copy."""
    path = raw_file(raw, '.aggregation.json', scene)
    content = json.loads(path.read_text())
    groups = content['segGroups']
    count = len(groups)
    copies = {g['objectId'] + count: g['objectId'] for g in groups}
    groups += [dict(g, objectId=g['objectId'] + count) for g in groups]
    path.write_text(json.dumps(content))
    return copies


def test_objects_that_stand_twice(scannet, raw, tmp_path, capsys):
    """As in scene0217_00: the first copy counts, and nothing else changes."""
    assert run(scannet, raw, '--out', tmp_path / 'plain') == 0
    copies = write_twice(raw)
    out = tmp_path / 'out'
    assert run(scannet, raw, '--out', out) == 0
    assert (f'note: {SCENE}: {len(copies)} objects stand twice'
            in capsys.readouterr().out)
    for plain, twice in zip(read_scan(tmp_path / 'plain'), read_scan(out)):
        np.testing.assert_array_equal(plain, twice)
    infos = scan_files.read_infos(out / 'scannet_infos_train.pkl', out)
    assert infos[SCENE].copies == copies
    assert infos['scene0001_00'].copies == {}
    assert infos[SCENE].first_ids([*copies]) == sorted(copies.values())

    # What paints the second copies over the first ones is corrected.
    points, instances, semantics = read_scan(out)
    shift = np.where(instances > 0, instances + len(copies), 0)
    scan_files.write_scan(out, SCENE, points, shift, semantics)
    assert run(scannet, raw, '--out', out) == 0
    np.testing.assert_array_equal(read_scan(out)[1], instances)


def test_an_id_of_two_objects(scannet, raw, capsys):
    path = raw_file(raw, '.aggregation.json')
    content = json.loads(path.read_text())
    content['segGroups'].append(content['segGroups'][0])  # harmless
    path.write_text(json.dumps(content))
    assert run(scannet, raw) == 0
    first, second = content['segGroups'][:2]
    second['objectId'] = first['objectId']
    path.write_text(json.dumps(content))
    shutil.rmtree(raw / 'points')
    assert run(scannet, raw) == 1
    assert '"objectId" is that of another object' in capsys.readouterr().err


@pytest.fixture
def with_test(raw):
    """Raw data with a scan of the test set, which has no labels."""
    folder = raw / 'scans_test' / 'scene0707_00'
    folder.mkdir(parents=True)
    for suffix in ('_vh_clean_2.ply', '.txt'):
        shutil.copy(raw_file(raw, suffix), folder / f'scene0707_00{suffix}')
    (raw / 'meta_data' / 'scannetv2_test.txt').write_text('scene0707_00\n')
    return raw


@pytest.mark.parametrize('aligned', [True, False])
def test_scans_of_the_test_set(scannet, with_test, capsys, aligned):
    meta = with_test / 'scans_test' / 'scene0707_00' / 'scene0707_00.txt'
    if not aligned:
        meta.unlink()
    splits = ('--splits', 'train', 'val', 'test')
    assert run(scannet, with_test, *splits) == 0
    assert 'have no labels' in capsys.readouterr().out
    path = with_test / 'scannet_infos_test.pkl'
    info = scan_files.read_infos(path, with_test)['scene0707_00']
    assert info.instances_path is None
    assert (info.axis_align_matrix != np.eye(4)).any() == aligned
    np.testing.assert_array_equal(
        scan_files.read_points(info.points_path),
        read_scan(with_test)[0])
    # Again, also without the raw files: nothing is to be done.
    shutil.rmtree(with_test / 'scans_test')
    before = path.read_bytes()
    assert run(scannet, with_test, *splits) == 0
    assert path.read_bytes() == before


def test_half_the_labels_of_a_test_scan(scannet, with_test, capsys):
    """Are a broken download, not a scan without labels."""
    shutil.copy(
        raw_file(with_test, '.aggregation.json'), with_test / 'scans_test' /
        'scene0707_00' / 'scene0707_00.aggregation.json')
    assert run(scannet, with_test, '--splits', 'test') == 1
    assert 'segs.json is missing' in capsys.readouterr().err


def test_training_scan_without_labels(scannet, raw, capsys):
    for suffix in ('.aggregation.json', '_vh_clean_2.0.010000.segs.json'):
        raw_file(raw, suffix).unlink()
    assert run(scannet, raw) == 1
    error = capsys.readouterr().err
    assert 'the scan has no labels' in error and '--splits test' in error


def test_info_files_are_made_again(scannet, raw, capsys):
    """Where they are not usable, or not what the raw files say any more."""
    assert run(scannet, raw) == 0
    path = raw / 'scannet_infos_train.pkl'
    good = path.read_bytes()
    infos = scan_files.read_infos(path, raw)
    for matrix in (np.full((4, 4), np.nan), 2 * np.eye(4), np.eye(4)):
        scan_files.write_infos(path, {name: matrix for name in infos}, 'a')
        assert run(scannet, raw) == 0
        assert path.read_bytes() == good
    path.write_bytes(good[:-20])
    assert run(scannet, raw) == 0
    assert path.read_bytes() == good
    assert 'is not usable and made again' in capsys.readouterr().out
