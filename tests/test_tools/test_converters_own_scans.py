"""tools/dataset_converters/own_scans.py on small scans."""
import json

import numpy as np
import pytest
from outside_data import realdata
from plyfile import PlyData, PlyElement
from scan_data import load_converter, make_row

from mmlangseg.apis import place_scan, read_scan
from mmlangseg.less.datasets import ScanReferDataset, read_annotations
from mmlangseg.less.scans import files as scan_files

FIELDS = dict(
    x='f4', y='f4', z='f4', red='u1', green='u1', blue='u1', label='i4')


@pytest.fixture(scope='module')
def own_scans():
    return load_converter('own_scans')


def write_ply(path, text=False, drop=(), types=None, **columns):
    """Write 40 points with labels 0 to 3; columns may be replaced."""
    rng = np.random.default_rng(1)
    types = {**FIELDS, **(types or {})}
    names = [name for name in types if name not in drop]
    data = np.empty(40, dtype=[(name, types[name]) for name in names])
    for name in names:
        data[name] = rng.uniform(0, 2, 40)
    for name in set(names) & {'red', 'green', 'blue'}:
        data[name] = rng.integers(0, 256, 40)
    if 'label' in names:
        data['label'] = np.arange(40) % 4
    for name, values in columns.items():
        data[name] = values
    PlyData([PlyElement.describe(data, 'vertex')], text=text).write(path)


@pytest.fixture
def source(tmp_path):
    source = tmp_path / 'mine'
    source.mkdir()
    rows = []
    for scene in ('a', 'b', 'c'):
        write_ply(source / f'{scene}.ply')
        rows += [make_row(scene, i + 1, i, kind='colour') for i in range(3)]
    write_rows(source, rows)
    (source / 'train.txt').write_text('a\nb\n')
    (source / 'val.txt').write_text('c\n')
    return source


def write_rows(source, rows):
    (source / 'referring.json').write_text(json.dumps(rows))


def run(own_scans, source, *args):
    out = source.parent / 'out'
    return own_scans.main([str(source), str(out), *args]), out


def fails(own_scans, source, capsys, *args):
    """Run, expect failure without infos; returns the message."""
    status, out = run(own_scans, source, *args)
    assert status == 1
    assert not list(out.glob('infos_*')) and not list(out.glob('anno*'))
    return capsys.readouterr().err


def test_layout_and_content(own_scans, source):
    status, out = run(own_scans, source)
    assert status == 0
    vertex = PlyData.read(source / 'b.ply')['vertex']
    points, instances, _ = scan_files.scan_paths(out, 'b')
    points = scan_files.read_points(points)
    offset = json.loads((out / 'offsets.json').read_text())['b']
    for column, name in enumerate(list(FIELDS)[:6]):
        np.testing.assert_allclose(
            points[:, column] + [*offset, 0, 0, 0][column],
            vertex[name],
            atol=1e-6)
    # objectId = label: the mask holds label + 1, and 0 for the background.
    label = vertex['label']
    np.testing.assert_array_equal(
        scan_files.read_instances(instances, 40),
        np.where(label > 0, label + 1, 0))
    metainfo, rows = read_annotations(out / 'annotations' / 'train.json')
    assert metainfo == dict(dataset='mine', split='train')
    assert [row['scene_id'] for row in rows] == ['a'] * 3 + ['b'] * 3
    assert rows[0]['groups'] == ['colour']


def test_scan_listed_twice_counts_once(own_scans, source):
    (source / 'train.txt').write_text('a\nb\na\n')
    status, out = run(own_scans, source)
    assert status == 0
    _, rows = read_annotations(out / 'annotations' / 'train.json')
    assert [row['scene_id'] for row in rows] == ['a'] * 3 + ['b'] * 3


def test_offsets_of_other_splits_stay(own_scans, source):
    _, out = run(own_scans, source)
    before = json.loads((out / 'offsets.json').read_text())
    assert sorted(before) == ['a', 'b', 'c']
    assert run(own_scans, source, '--splits', 'val', '--no-center')[0] == 0
    after = json.loads((out / 'offsets.json').read_text())
    assert after == dict(before, c=[0., 0., 0.])


def test_sentences_of_one_number_are_named(own_scans, source, capsys):
    rows = [make_row(scene, 1, 0) for scene in 'abc']
    write_rows(source, rows)
    assert run(own_scans, source)[0] == 0
    assert 'of others' not in capsys.readouterr().out
    write_rows(source, [*rows, make_row('c', 1, '0'), make_row('c', 2, 0)])
    assert run(own_scans, source)[0] == 0
    assert 'note: c: 1 sentences have objects and ann_id of others' \
        in capsys.readouterr().out


def test_dataset_reads_it(own_scans, source):
    _, out = run(own_scans, source)
    dataset = ScanReferDataset(
        data_root=str(out),
        ann_file='annotations/val.json',
        info_file='infos_val.pkl',
        expressions_per_scene=8,
        test_mode=True)
    sample = dataset[0]
    assert sample['scene_id'] == 'c' and len(sample['expressions']) == 3
    label = PlyData.read(source / 'c.ply')['vertex']['label']
    for item in sample['expressions']:
        mask = sample['pts_instance_mask'] == item['object_ids'][0] + 1
        np.testing.assert_array_equal(mask, label == item['object_ids'][0])


def test_ascii_ply(own_scans, source):
    write_ply(source / 'a.ply', text=True)
    assert run(own_scans, source)[0] == 0


def test_frame(own_scans, source, capsys):
    shift = np.array([456123.4, 5412345.6, 310.])
    types = dict(x='f8', y='f8', z='f8')
    write_ply(source / 'a.ply')
    vertex = PlyData.read(source / 'a.ply')['vertex']
    xyz = np.stack([vertex[name] for name in 'xyz'], 1).astype(float)
    far = xyz + shift
    write_ply(
        source / 'a.ply', types=types, x=far[:, 0], y=far[:, 1], z=far[:, 2])
    assert 'float32 knows only steps' in fails(own_scans, source, capsys,
                                               '--no-center')
    status, out = run(own_scans, source)
    assert status == 0
    printed = capsys.readouterr().out
    assert 'middle of each scan at x = y = 0, floor at z = 0' in printed
    points = scan_files.read_points(scan_files.scan_paths(out, 'a')[0])
    offset = json.loads((out / 'offsets.json').read_text())['a']
    expected, _ = place_scan('a', xyz)  # as inference does it
    np.testing.assert_allclose(points[:, :3], expected, atol=1e-5)
    np.testing.assert_allclose(points[:, :3] + offset, far, atol=1e-6)


def test_frame_of_the_files(own_scans, source, capsys):
    status, out = run(own_scans, source, '--no-center')
    assert status == 0
    assert '--no-center to tools/infer.py' in capsys.readouterr().out
    vertex = PlyData.read(source / 'b.ply')['vertex']
    points = scan_files.read_points(scan_files.scan_paths(out, 'b')[0])
    for column, name in enumerate('xyz'):
        np.testing.assert_array_equal(points[:, column], vertex[name])


@pytest.mark.parametrize('factor, scale', [(1000, '0.001'), (100, '0.01')])
def test_units(own_scans, source, capsys, factor, scale):
    values = factor * np.linspace(0, 3, 40)
    for scene in 'abc':
        write_ply(source / f'{scene}.ply', x=values)
    error = fails(own_scans, source, capsys)
    assert 'a.ply' in error and f'--scale {scale}' in error
    status, out = run(own_scans, source, '--scale', scale)
    assert status == 0
    points = scan_files.read_points(scan_files.scan_paths(out, 'a')[0])
    np.testing.assert_allclose(points[:, 0], values / factor - 1.5, atol=1e-6)


def test_not_finite_points(own_scans, source, capsys):
    x = np.linspace(0, 1, 40)
    x[[3, 8]] = np.nan, np.inf
    write_ply(source / 'b.ply', x=x)
    error = fails(own_scans, source, capsys)
    assert 'b.ply: 2 of 40 points have NaN' in error
    status, out = run(own_scans, source, '--drop-invalid')
    assert status == 0 and scan_files.scan_size(out, 'b') == 38


def test_colors_of_points_that_are_dropped(own_scans, source, capsys):
    write_ply(
        source / 'b.ply',
        types=dict(red='f4', green='f4', blue='f4'),
        x=np.where(np.arange(40) == 3, np.nan, 0.5),
        red=np.where(np.arange(40) == 3, np.nan, 200.))
    status, out = run(own_scans, source, '--drop-invalid')
    assert status == 0 and scan_files.scan_size(out, 'b') == 39
    write_ply(source / 'b.ply', x=np.nan)
    status, _ = run(own_scans, source, '--drop-invalid')
    assert status == 1 and '40 of 40 points' in capsys.readouterr().err


def test_missing_colors(own_scans, source, capsys):
    write_ply(source / 'b.ply', drop=['green'])
    error = fails(own_scans, source, capsys)
    assert 'b.ply has no vertex property "green"' in error
    status, out = run(own_scans, source, '--grey')
    points = scan_files.read_points(scan_files.scan_paths(out, 'b')[0])
    assert status == 0 and (points[:, 3:] == 127.5).all()


@pytest.mark.parametrize('names',
                         [('r', 'g', 'b'),
                          ('diffuse_red', 'diffuse_green', 'diffuse_blue')])
def test_colors_as_inference_reads_them(own_scans, source, names):
    """One reader of PLY: other names, and colors from 0 to 1."""
    write_ply(
        source / 'b.ply',
        drop=('red', 'green', 'blue'),
        types={name: 'f4'
               for name in names},
        **dict(zip(names, (0.5, 1.0, 0.0))))
    status, out = run(own_scans, source, '--no-center')
    assert status == 0
    points = scan_files.read_points(scan_files.scan_paths(out, 'b')[0])
    np.testing.assert_array_equal(points, read_scan(source / 'b.ply'))
    np.testing.assert_allclose(points[0, 3:], [127.5, 255, 0])


def test_missing_colors_as_inference_has_them(own_scans, source):
    write_ply(source / 'b.ply', drop=('red', 'green', 'blue'))
    assert run(own_scans, source, '--grey')[0] == 0
    path = scan_files.scan_paths(source.parent / 'out', 'b')[0]
    with pytest.warns(UserWarning, match='no colors'):
        expected = read_scan(source / 'b.ply')[:, 3:]
    np.testing.assert_array_equal(
        scan_files.read_points(path)[:, 3:], expected)


def test_lists_with_a_byte_order_mark(own_scans, source):
    for name in ('train.txt', 'val.txt', 'referring.json'):
        path = source / name
        path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    assert run(own_scans, source)[0] == 0


def test_list_that_is_not_utf8(own_scans, source, capsys):
    (source / 'val.txt').write_bytes(b'\xff\xfec\x00')
    assert 'val.txt is not UTF-8 text' in fails(own_scans, source, capsys)


def test_float_colors(own_scans, source, capsys):
    types = dict(red='f4', green='f4', blue='f4')
    colors = dict(red=0.5, green=1.0, blue=0.0)
    write_ply(source / 'b.ply', types=types, **colors)
    status, out = run(own_scans, source)
    points = scan_files.read_points(scan_files.scan_paths(out, 'b')[0])
    assert status == 0
    np.testing.assert_allclose(points[0, 3:], [127.5, 255, 0])


@pytest.mark.parametrize('change, message', [
    (dict(red=-3, types=dict(red='i4')), 'convert them to 0..255'),
    (dict(red=np.nan, types=dict(red='f4')), 'convert them to 0..255'),
    (dict(label=-1), '"label" must hold integers'),
    (dict(types=dict(label='f4')), '"label" must hold integers'),
    (dict(drop=['label']), 'no vertex property "label"'),
    (dict(drop=['z']), 'no vertex property "z"'),
])
def test_bad_properties(own_scans, source, capsys, change, message):
    write_ply(source / 'b.ply', **change)
    error = fails(own_scans, source, capsys)
    assert message in error and 'b.ply' in error


def test_other_label_property(own_scans, source):
    for scene in 'abc':
        write_ply(
            source / f'{scene}.ply',
            drop=['label'],
            types=dict(thing='u2'),
            thing=np.arange(40) % 4)
    assert run(own_scans, source, '--label', 'thing')[0] == 0


def test_truncated_ply(own_scans, source, capsys):
    path = source / 'b.ply'
    path.write_bytes(path.read_bytes()[:-20])
    error = fails(own_scans, source, capsys)
    assert 'b.ply is truncated' in error
    path.write_bytes(path.read_bytes()[:30])
    assert 'b.ply is truncated' in fails(own_scans, source, capsys)


@pytest.mark.parametrize('row, message', [
    (make_row('b', 7), 'scene b, ann_id 0: no point has label 7; the labels '
     'of the scan are 1, 2, 3'),
    (make_row('b', 0), 'object_id 0 is the background'),
    (make_row('zz', 1), "scene 'zz' has no zz.ply"),
    (make_row('b', 1, description='', token=[]), '"description" is empty'),
    (make_row('b', 1, kind=3), '"groups"'),
])
def test_bad_rows(own_scans, source, capsys, row, message):
    write_rows(source, [make_row('a', 1), row])
    error = fails(own_scans, source, capsys)
    assert message in error and 'referring.json' in error


def test_all_faults_at_once(own_scans, source, capsys):
    write_ply(source / 'a.ply', drop=['label'])
    write_rows(source, [make_row('b', 7), make_row('c', 8)])
    error = fails(own_scans, source, capsys)
    assert 'a.ply' in error and 'label 7' in error and 'label 8' in error


def test_malformed_json(own_scans, source, capsys):
    (source / 'referring.json').write_text('[{"scene_id": }]')
    error = fails(own_scans, source, capsys)
    assert 'referring.json is not valid JSON' in error and 'line 1' in error


@pytest.mark.parametrize('train, val, message', [
    ('a\nq\n', 'c', "train.txt: scene 'q' has no q.ply"),
    ('a', 'a', "scene 'a' is in train.txt already"),
    ('', 'c', 'train.txt is empty'),
    ('../a', 'c', 'not a scene name'),
    (None, None, 'no train.txt or val.txt'),
])
def test_split_lists(own_scans, source, capsys, train, val, message):
    for name, text in (('train', train), ('val', val)):
        path = source / f'{name}.txt'
        path.unlink() if text is None else path.write_text(text)
    assert message in fails(own_scans, source, capsys)


def test_notes(own_scans, source, capsys):
    write_ply(source / 'a.ply', label=np.arange(40) // 35)
    write_rows(source, [make_row('a', 1)])
    (source / 'train.txt').write_text('a')
    assert run(own_scans, source)[0] == 0
    out = capsys.readouterr().out
    assert 'a: object 1 has only 5 points' in out
    assert 'c has no sentences' in out
    assert '1 scans are in no split: b' in out


@pytest.mark.skipif(
    not realdata('osd3d').is_dir(), reason='the real scans are not here')
def test_table_top_scans(own_scans, tmp_path, capsys):
    source = realdata('osd3d')
    assert own_scans.main([str(source), str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert 'train: 35 scans' in out and 'val: 10 scans' in out
    rows = sum((read_annotations(tmp_path / 'annotations' / f'{s}.json')[1]
                for s in ('train', 'val')), [])
    assert len(rows) == 679


def test_scans_with_labels_beside_them(own_scans, source):
    """An OBJ with its labels becomes what the PLY was."""
    status, out = run(own_scans, source)
    assert status == 0
    expected = {
        folder: (out / folder / 'a.bin').read_bytes()
        for folder in ('points', 'instance_mask')
    }
    vertices = PlyData.read(source / 'a.ply')['vertex'].data
    (source / 'a.ply').unlink()
    xyz = np.stack([vertices[n] for n in 'xyz'], 1).astype(np.float64)
    rgb = np.stack([vertices[n] for n in ('red', 'green', 'blue')], 1)
    (source / 'a.obj').write_text('\n'.join(
        'v {!r} {!r} {!r} {!r} {!r} {!r}'.format(*row)
        for row in np.concatenate([xyz, rgb / 255], 1).tolist()))
    labels = source / 'a.labels.npy'
    np.save(labels, vertices['label'])
    assert run(own_scans, source)[0] == 0
    points = np.fromfile(out / 'points/a.bin', '<f4').reshape(-1, 6)
    native = np.frombuffer(expected['points'], '<f4').reshape(-1, 6)
    assert np.allclose(points[:, :3], native[:, :3], atol=1e-6)
    assert np.allclose(points[:, 3:], native[:, 3:], atol=1e-3)
    mask = (out / 'instance_mask/a.bin').read_bytes()
    assert mask == expected['instance_mask']


@pytest.mark.parametrize('content, message', [
    (None, 'needs the label of each point in a.labels.npy'),
    (b'no array', 'a.labels.npy is not an array'),
    (np.zeros(3, int), 'has shape (3,) and dtype int64'),
    (np.zeros(3000), 'dtype float64, but must be integers'),
    (np.full(3000, -1), 'but must be integers from 0'),
])
def test_wrong_label_files(own_scans, source, capsys, content, message):
    (source / 'a.ply').unlink()
    rows = [f'v 0 0 {i / 1000} 1 1 1' for i in range(3000)]
    (source / 'a.obj').write_text('\n'.join(rows))
    if isinstance(content, bytes):
        (source / 'a.labels.npy').write_bytes(content)
    elif content is not None:
        np.save(source / 'a.labels.npy', content)
    assert run(own_scans, source)[0] == 1
    assert message in capsys.readouterr().err


def test_invalid_points_of_other_formats(own_scans, source, capsys):
    """--drop-invalid, which they did not heed: depth cameras write NaN."""
    (source / 'a.ply').unlink()
    rows = [f'0 0 {i / 1000} {i % 256} 1 2' for i in range(3000)]
    rows[7] = 'nan nan nan 0 0 0'
    (source / 'a.pcd'
     ).write_text('FIELDS x y z r g b\nSIZE 4 4 4 1 1 1\nTYPE F F F U U U\n'
                  'POINTS 3000\nDATA ascii\n' + '\n'.join(rows))
    labels = np.arange(3000) % 5
    labels[7] = -1
    np.save(source / 'a.labels.npy', labels)
    assert 'a.pcd: 1 of 3000 points have NaN' in fails(own_scans, source,
                                                       capsys)
    status, out = run(own_scans, source, '--drop-invalid')
    assert status == 0
    points_file, labels_file, _ = scan_files.scan_paths(out, 'a')
    points = scan_files.read_points(points_file)
    kept = np.delete(np.arange(3000), 7)
    assert points[:, 3].tolist() == (kept % 256).tolist()
    found = scan_files.read_instances(labels_file, 2999)
    expected = np.where(kept % 5 > 0, kept % 5 + 1, 0)
    assert found.tolist() == expected.tolist()


def test_missing_colors_of_other_formats(own_scans, source, capsys):
    (source / 'a.ply').unlink()
    rows = [f'v 0 0 {i / 1000}' for i in range(3000)]
    (source / 'a.obj').write_text('\n'.join(rows))
    np.save(source / 'a.labels.npy', np.arange(3000) % 5)
    assert 'a.obj has no colors; add' in fails(own_scans, source, capsys)
    status, out = run(own_scans, source, '--grey')
    points = scan_files.read_points(scan_files.scan_paths(out, 'a')[0])
    assert status == 0 and (points[:, 3:] == 127.5).all()


def test_two_files_of_a_scene(own_scans, source, capsys):
    (source / 'a.obj').write_text('v 0 0 0')
    assert run(own_scans, source)[0] == 1
    assert 'a.ply and a.obj are of one scene' in capsys.readouterr().err
