import struct
import warnings

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from mmlangseg.apis import as_points, read_scan
from mmlangseg.less.scans.pcd import decompress_lzf
from mmlangseg.less.scans.ply import read_ply


@pytest.fixture
def cloud():
    rng = np.random.default_rng(0)
    xyz = rng.random((50, 3)).astype('f4')
    rgb = rng.integers(0, 256, (50, 3), np.uint8)
    return xyz, rgb


def write_ply(path,
              xyz,
              colors=None,
              names=('red', 'green', 'blue'),
              text=False):
    fields = [(n, 'f4') for n in 'xyz']
    if colors is not None:
        fields += [(n, colors.dtype) for n in names]
    vertex = np.empty(len(xyz), fields)
    for i, name in enumerate('xyz'):
        vertex[name] = xyz[:, i]
    if colors is not None:
        for i, name in enumerate(names):
            vertex[name] = colors[:, i]
    PlyData([PlyElement.describe(vertex, 'vertex')],
            text=text).write(str(path))
    return path


def compress_lzf(data):
    """Literal runs, and one back reference for runs of one byte."""
    out, i = bytearray(), 0
    while i < len(data):
        run = 1
        while run < 9 and i + run < len(data) and data[i + run] == data[i]:
            run += 1
        if run >= 4:  # one literal, then a copy of what it starts
            out += bytes([0, data[i], (run - 3) << 5 if run < 10 else 0, 0])
            i += run
        else:
            out += bytes([0, data[i]])
            i += 1
    return bytes(out)


def write_pcd(path, xyz, rgb, kind, color_type='F', break_at=None):
    n = len(xyz)
    packed = np.zeros((n, 4), np.uint8)
    packed[:, :3] = rgb[:, ::-1]  # b g r a
    points = np.zeros(n, [('xyz', '<f4', 3), ('pad', 'u1', 4),
                          ('rgb', '<f4' if color_type == 'F' else '<u4')])
    points['xyz'] = xyz
    points['rgb'] = packed.view(points.dtype['rgb'])[:, 0]
    header = (f'# .PCD v0.7\nVERSION 0.7\nFIELDS x y z _ rgb\n'
              f'SIZE 4 4 4 1 4\nTYPE F F F U {color_type}\n'
              f'COUNT 1 1 1 4 1\nWIDTH {n}\nHEIGHT 1\n'
              f'VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {n}\nDATA {kind}\n')
    if kind == 'ascii':
        rows = []
        for p in points:
            values = [f'{v:.9g}' for v in p['xyz']] + ['0'] * 4
            rows.append(' '.join([
                *values,
                f'{p["rgb"]:.9g}' if color_type == 'F' else str(p['rgb'])
            ]))
        body = ('\n'.join(rows) + '\n').encode()
    elif kind == 'binary':
        body = points.tobytes()
    else:
        columns = [points['xyz'][:, i].tobytes() for i in range(3)]
        columns += [points['pad'].tobytes(), points['rgb'].tobytes()]
        raw = b''.join(columns)
        data = compress_lzf(raw)
        body = struct.pack('<II', len(data), len(raw)) + data
    path.write_bytes((header.encode() + body)[:break_at])
    return path


@pytest.mark.parametrize('text', [False, True])
def test_ply(tmp_path, cloud, text):
    xyz, rgb = cloud
    points = read_scan(write_ply(tmp_path / 'a.ply', xyz, rgb, text=text))
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, np.c_[xyz, rgb], rtol=1e-6)


@pytest.mark.parametrize('newline', [b'\n', b'\r\n'])
@pytest.mark.parametrize('text', [False, True])
def test_comments_in_any_language(tmp_path, cloud, text, newline):
    path = write_ply(tmp_path / 'a.ply', *cloud, text=text)
    header, end, body = path.read_bytes().partition(b'end_header\n')
    header = header.replace(
        b'1.0\n', '1.0\ncomment Büro, 2. Stöck, 部屋\n'
        'obj_info \ufeff\n'.encode())
    content = header + end + (body if text else b'')
    path.write_bytes(content.replace(b'\n', newline) + (b'' if text else body))
    assert np.array_equal(read_scan(path), np.concatenate(cloud, 1))


def test_comments_of_pcd(tmp_path):
    path = tmp_path / 'a.pcd'
    path.write_text(
        '# .PCD aus dem Büro\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\n'
        'POINTS 1\nDATA ascii\n1 2 3\n',
        encoding='utf-8')
    with pytest.warns(UserWarning, match='no colors'):
        assert read_scan(path)[0, :3].tolist() == [1, 2, 3]


@pytest.mark.parametrize('names',
                         [('r', 'g', 'b'),
                          ('diffuse_red', 'diffuse_green', 'diffuse_blue')])
def test_ply_with_colors_from_0_to_1(tmp_path, cloud, names):
    xyz, rgb = cloud
    path = write_ply(tmp_path / 'a.PLY', xyz, rgb.astype('f4') / 255, names)
    np.testing.assert_allclose(read_scan(path)[:, 3:], rgb, atol=1e-3)


def test_dark_bytes_stay_dark(tmp_path, cloud):
    xyz, rgb = cloud
    path = write_ply(tmp_path / 'a.ply', xyz, rgb % 2)
    assert read_scan(path)[:, 3:].max() == 1


@pytest.mark.parametrize('kind', ['ascii', 'binary', 'binary_compressed'])
@pytest.mark.parametrize('color_type', ['F', 'U'])
def test_pcd(tmp_path, cloud, kind, color_type):
    xyz, rgb = cloud
    path = write_pcd(tmp_path / 'a.pcd', xyz, rgb, kind, color_type)
    np.testing.assert_allclose(read_scan(path), np.c_[xyz, rgb], rtol=1e-6)


@pytest.mark.parametrize('kind', ['ascii', 'binary', 'binary_compressed'])
def test_truncated_pcd(tmp_path, cloud, kind):
    path = write_pcd(tmp_path / 'a.pcd', *cloud, kind, break_at=-90)
    with pytest.raises(ValueError, match='a.pcd is not a valid PCD'):
        read_scan(path)
    path.write_bytes(b'no header at all')
    with pytest.raises(ValueError, match='a.pcd is not a valid PCD'):
        read_scan(path)


def test_pcd_agrees_with_open3d(tmp_path):
    open3d = pytest.importorskip('open3d', exc_type=ImportError)
    rng = np.random.default_rng(1)
    # a grid repeats bytes, so that there is something to compress
    xyz = rng.integers(0, 4, (300, 3)) * 0.25
    rgb = rng.integers(0, 4, (300, 3)) * 60 / 255
    pcd = open3d.geometry.PointCloud()
    pcd.points = open3d.utility.Vector3dVector(xyz)
    pcd.colors = open3d.utility.Vector3dVector(rgb)
    for i, (text, packed) in enumerate([(True, False), (False, False),
                                        (False, True)]):
        path = tmp_path / f'{i}.pcd'
        open3d.io.write_point_cloud(
            str(path), pcd, write_ascii=text, compressed=packed)
        points = read_scan(path)
        np.testing.assert_allclose(points[:, :3], xyz, atol=1e-6)
        np.testing.assert_allclose(points[:, 3:], rgb * 255, atol=0.6)


def test_lzf():
    # 'ab', then 8 bytes from 2 back, then 'c'
    assert decompress_lzf(b'\x01ab\xc0\x01\x00c', 11) == b'ababababab' + b'c'
    long = decompress_lzf(b'\x00a\xe0\x20\x00', 42)  # 7 + 32 + 2 copied
    assert long == b'a' * 42
    with pytest.raises(ValueError, match='before its start'):
        decompress_lzf(b'\x00a\x20\x05', 4)
    with pytest.raises(ValueError, match='announced'):
        decompress_lzf(b'\x00a', 2)


def test_arrays_and_processed_scans(tmp_path, cloud):
    xyz, rgb = cloud
    points = np.c_[xyz, rgb].astype('f4')
    np.save(tmp_path / 'a.npy', points)
    np.savez(tmp_path / 'b.npz', points=points)
    np.savez(tmp_path / 'c.npz', xyz=xyz, rgb=rgb)
    points.tofile(tmp_path / 'd.bin')
    for name in ('a.npy', 'b.npz', 'c.npz', 'd.bin'):
        np.testing.assert_allclose(read_scan(tmp_path / name), points)
    np.testing.assert_allclose(as_points(points), points)


@pytest.mark.parametrize('dtype, read', [('f4', 'f4'), ('f8', 'f8'),
                                         ('i4', 'f8'), ('i2', 'f4')])
def test_coordinates_keep_their_digits(tmp_path, cloud, dtype, read):
    xyz, rgb = cloud
    xyz = (xyz.astype('f8') * 100 + 5000).astype(dtype)
    if dtype in ('f8', 'i4'):
        xyz += np.array(5412345).astype(dtype)
    np.savez(tmp_path / 'a.npz', xyz=xyz, rgb=rgb)
    points = read_scan(tmp_path / 'a.npz')
    assert points.dtype == read
    np.testing.assert_array_equal(points[:, :3], xyz)


def test_without_colors_becomes_gray_with_a_warning(tmp_path, cloud):
    xyz, rgb = cloud
    np.save(tmp_path / 'a.npy', xyz)
    np.savez(tmp_path / 'b.npz', xyz=xyz)
    for path in (write_ply(tmp_path / 'c.ply',
                           xyz), tmp_path / 'a.npy', tmp_path / 'b.npz'):
        with pytest.warns(UserWarning, match=f'{path.name} has no colors'):
            points = read_scan(path)
        assert (points[:, 3:] == 127.5).all()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        as_points(np.c_[xyz, rgb])


def test_complex_numbers_are_no_coordinates():
    with pytest.raises(ValueError, match='complex64'):
        as_points(np.ones((4, 6), np.complex64))


def test_bad_files(tmp_path, cloud):
    xyz, rgb = cloud
    points = np.c_[xyz, rgb].astype('f4')

    def refuse(path, match):
        with pytest.raises(ValueError, match=f'{path.name}.*{match}'):
            read_scan(path)

    with pytest.raises(FileNotFoundError, match='none.ply does not exist'):
        read_scan(tmp_path / 'none.ply')
    refuse(tmp_path / 'a.xyz', 'convert it to one of .ply')

    path = write_ply(tmp_path / 'a.ply', xyz, rgb)
    path.write_bytes(path.read_bytes()[:-20])
    refuse(path, 'cut short')
    path.write_bytes(b'ply\nformat ascii 1.0\nend_header\n')
    refuse(path, 'no element "vertex"')
    path.write_bytes(b'\xff\xfe binary garbage')
    refuse(path, 'not a valid PLY')

    bad = points.copy()
    bad[[7, 9], 1] = np.nan
    np.save(tmp_path / 'nan.npy', bad)
    refuse(tmp_path / 'nan.npy', '2 of 50 points.*first is point 7')
    np.save(tmp_path / 'color.npy', points * [1, 1, 1, 2, 2, 2])
    refuse(tmp_path / 'color.npy', 'must be in 0..255')
    np.save(tmp_path / 'empty.npy', points[:0])
    refuse(tmp_path / 'empty.npy', 'has no points')
    np.save(tmp_path / 'shape.npy', points[:, :4])
    refuse(tmp_path / 'shape.npy', r'shape \(50, 4\)')
    np.save(tmp_path / 'object.npy', np.array([{}, {}]), allow_pickle=True)
    refuse(tmp_path / 'object.npy', 'not a valid array')
    np.savez(tmp_path / 'keys.npz', a=points)
    refuse(tmp_path / 'keys.npz', r"found \['a'\]")
    (tmp_path / 'broken.npz').write_bytes(b'PK\x03\x04 cut')
    refuse(tmp_path / 'broken.npz', 'not a valid archive')
    points.tofile(tmp_path / 'cut.bin')
    (tmp_path / 'cut.bin').write_bytes(
        (tmp_path / 'cut.bin').read_bytes()[:-5])
    refuse(tmp_path / 'cut.bin', 'no multiple of 24')


@pytest.mark.parametrize('text', [False, True])
@pytest.mark.parametrize('line', [
    b'element vertex 1000000000000', b'element vertex 4294967295',
    b'element nothing 1000000000000\nelement vertex 50'
])
def test_ply_that_promises_more_than_it_has(tmp_path, cloud, text, line):
    """It is refused before memory is taken or rows are counted."""
    path = write_ply(tmp_path / 'a.ply', *cloud, text=text)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'element vertex 50', line))
    with pytest.raises(ValueError, match='a.ply is truncated.*header says'):
        read_scan(path)


def test_arrays_that_promise_more_than_they_have(tmp_path, cloud):
    np.save(tmp_path / 'a.npy', np.c_[cloud])
    content = (tmp_path / 'a.npy').read_bytes()
    (tmp_path / 'a.npy').write_bytes(
        content.replace(b'(50, 6), }', b'(10000000000, 6), }')[:len(content)])
    with pytest.raises(ValueError, match='a.npy is not a valid array'):
        read_scan(tmp_path / 'a.npy')


@pytest.mark.parametrize('old, new, message', [
    (b'POINTS 50', b'POINTS 40', 'POINTS is 40, but WIDTH x HEIGHT is 50'),
    (b'SIZE 4 4 4 1 4', b'SIZE 4 4 4 1', '5 FIELDS, but 4 SIZE'),
    (b'SIZE 4 4 4', b'SIZE 3 4 4', 'TYPE F and SIZE 3 are not known'),
    (b'COUNT 1', b'COUNT 0', 'field x has COUNT 0'),
    (b'POINTS 50', b'COUNTS 50', 'its header has no POINTS'),
])
def test_damaged_pcd_headers(tmp_path, cloud, old, new, message):
    path = write_pcd(tmp_path / 'a.pcd', *cloud, 'binary')
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(ValueError, match=f'a.pcd is not a valid.*{message}'):
        read_scan(path)


@pytest.mark.parametrize('newline', ['\n', '\r\n', '\r'])
def test_text_is_read_as_plyfile_does(tmp_path, newline):
    """By NumPy, which is faster."""
    rng = np.random.default_rng(0)
    rows = np.zeros(50, [('x', 'f8'), ('y', 'f4'), ('z', 'f4'), ('red', 'u1'),
                         ('label', 'i4'), ('short', 'i2')])
    for name in rows.dtype.names:
        rows[name] = 200 * rng.random(50) + 600000.125 * (name == 'x')
    path = tmp_path / 'a.ply'
    PlyData([PlyElement.describe(rows, 'vertex')], text=True).write(str(path))
    text = path.read_text()
    path.write_text(text.replace('\n', newline), newline='')
    found = read_ply(path)
    assert found.dtype.names == rows.dtype.names
    assert all((found[name] == rows[name]).all() for name in found.dtype.names)

    lines = text.splitlines()
    for damage in ('1 2 3', '1 2 3 300 0 0', '1 2 3 4 5 6 7', '1 2 3 4 a 6',
                   '1 2 3 4.5 0 0', ''):
        lines[-1] = damage
        path.write_text(newline.join(lines), newline='')
        with pytest.raises(ValueError, match='a.ply is truncated, .*damaged'):
            read_ply(path)


@pytest.mark.parametrize('before', [False, True])
def test_text_with_faces_is_not_taken_modulo(tmp_path, before):
    """Of 70000 as ushort plyfile makes 4464, the label of another object."""
    rows = np.zeros(3, [('x', 'f4'), ('y', 'f4'), ('z', 'f4'),
                        ('label', 'u2')])
    rows['label'] = 0, 65535, 7
    vertices = PlyElement.describe(rows, 'vertex')
    faces = PlyElement.describe(
        np.array([([0, 1, 2], )] * 2, [('vertex_indices', 'i4', (3, ))]),
        'face')
    elements = [faces, vertices] if before else [vertices, faces]
    path = tmp_path / 'a.ply'
    PlyData(elements, text=True).write(str(path))
    assert read_ply(path)['label'].tolist() == [0, 65535, 7]

    text = path.read_text()
    path.write_text(text.replace('65535', '70000'))
    with pytest.raises(ValueError, match="a.ply is .*damaged.*'70000'"):
        read_ply(path)
    path.write_text(text[:text.rstrip().rindex('\n')])
    with pytest.raises(ValueError, match='early end-of-file'):
        read_ply(path)


@pytest.mark.parametrize('number', ['300', '-1', '1.5', '1e2'])
def test_pcd_with_numbers_that_do_not_fit(tmp_path, number):
    """300 as one byte is 44 to NumPy."""
    path = tmp_path / 'a.pcd'
    head = ('FIELDS x y z r g b\nSIZE 4 4 4 1 1 1\nTYPE F F F U U U\n'
            'POINTS 2\nDATA ascii\n1 2 3 255 0 7\n')
    path.write_text(f'{head}4 5 6 0 255 7\n')
    assert read_scan(path)[:, 3:].tolist() == [[255, 0, 7], [0, 255, 7]]
    path.write_text(f'{head}4 5 6 0 {number} 7\n')
    with pytest.raises(ValueError, match='a.pcd is not a valid'):
        read_scan(path)
