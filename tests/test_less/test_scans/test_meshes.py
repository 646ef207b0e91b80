"""Scans as OBJ, GLB, LAS and LAZ are equal to those of PLY."""
import sys

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from mmlangseg.apis import read_scan

trimesh = pytest.importorskip('trimesh')


@pytest.fixture
def cloud(tmp_path):
    """Points and colors, and the PLY that has them."""
    rng = np.random.default_rng(0)
    xyz = rng.random((30, 3)).astype('f4').astype('f8')
    rgb = rng.integers(0, 256, (30, 3), np.uint8)
    fields = [(n, 'f8') for n in 'xyz'] + [(n, 'u1')
                                           for n in ('red', 'green', 'blue')]
    vertex = np.empty(30, fields)
    for i, (name, _) in enumerate(fields):
        vertex[name] = xyz[:, i] if i < 3 else rgb[:, i - 3]
    PlyData([PlyElement.describe(vertex, 'vertex')]).write(tmp_path / 'a.ply')
    return xyz, rgb, read_scan(tmp_path / 'a.ply')


def mesh_of(xyz, rgb=None):
    faces = np.arange(len(xyz)).reshape(-1, 3)
    return trimesh.Trimesh(xyz, faces, vertex_colors=rgb, process=False)


def test_obj(cloud, tmp_path):
    xyz, rgb, expected = cloud
    mesh_of(xyz, rgb).export(tmp_path / 'a.obj', digits=17)
    found = read_scan(tmp_path / 'a.obj')
    assert found.shape == expected.shape
    assert np.allclose(found[:, :3], expected[:, :3], atol=1e-9)
    assert np.allclose(found[:, 3:], expected[:, 3:], atol=1e-3)


def test_obj_parts_values_by_any_blanks(tmp_path):
    """No vertex is passed over: labels beside the file would not fit."""
    (tmp_path / 'a.obj').write_text('v 0 0 0 1 1 1\nv\t1\t2  3 0 0 1\n'
                                    '  v 4 5 6 1 0 0\nvn 0 0 1\nf 1 2 3\n')
    found = read_scan(tmp_path / 'a.obj')
    assert found.tolist() == [[0, 0, 0, 255, 255, 255], [1, 2, 3, 0, 0, 255],
                              [4, 5, 6, 255, 0, 0]]


def test_texture(tmp_path):
    """Vertices are split at seams, and have the pixels of the texture."""
    from PIL import Image
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0], pixels[1, 1] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    (tmp_path / 'a.mtl').write_text('newmtl m\nmap_Kd a.png\n')
    (tmp_path / 'a.obj').write_text(
        'mtllib a.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\n'
        'vt 0 1\nvt 1 0\nf 1/1 2/2 3/1\n')
    found = read_scan(tmp_path / 'a.obj')
    order = np.lexsort(found[:, :3].T)
    assert found[order, :3].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert found[order, 3:].tolist() == [[255, 0, 0], [0, 0, 255], [255, 0, 0]]


@pytest.mark.parametrize('points', [False, True])
def test_glb(cloud, tmp_path, points):
    xyz, rgb, expected = cloud
    turned = np.stack([xyz[:, 0], xyz[:, 2], -xyz[:, 1]], 1)  # y up
    part = trimesh.PointCloud(turned, rgb) if points else mesh_of(turned, rgb)
    trimesh.Scene(part).export(tmp_path / 'a.glb')
    found = read_scan(tmp_path / 'a.glb')
    assert np.allclose(found, expected, atol=1e-6)


def test_parts_of_a_scene(cloud, tmp_path):
    xyz, rgb, _ = cloud
    scene = trimesh.Scene()
    scene.add_geometry(mesh_of(xyz, rgb), node_name='a')
    shift = trimesh.transformations.translation_matrix([0, 5, 0])  # y is up
    scene.add_geometry(mesh_of(xyz), node_name='b', transform=shift)
    scene.export(tmp_path / 'a.glb')
    found = read_scan(tmp_path / 'a.glb')
    assert len(found) == 60
    low, high = found[found[:, 2] < 3], found[found[:, 2] > 3]
    assert np.allclose(high[:, 2] - 5, low[:, 2], atol=1e-5)
    assert len(np.unique(high[:, 3:], axis=0)) == 1  # without colors: gray
    assert len(np.unique(low[:, 3:], axis=0)) > 20


def test_mesh_without_colors(tmp_path):
    mesh_of(np.eye(3)).export(tmp_path / 'a.obj')
    with pytest.warns(UserWarning, match='has no colors'):
        assert read_scan(tmp_path / 'a.obj').shape == (3, 6)


@pytest.mark.parametrize('name, content', [
    ('a.glb', b'glTF no'),
    ('a.obj', b'f 1 2 3'),
    ('a.obj', b'v 1 2'),
    ('a.obj', b'v 1 2 3\nv 1 2'),
    ('a.obj', b'v 1 2 x'),
    ('a.obj', b''),
])
def test_damaged_meshes(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        read_scan(tmp_path / name)


def test_files_outside_are_not_read(tmp_path):
    (tmp_path / 'secret.mtl').write_text('newmtl m\nKd 1 0 0\n')
    (tmp_path / 'in').mkdir()
    path = tmp_path / 'in' / 'a.obj'
    lines = ['mtllib ../secret.mtl', 'usemtl m', 'v 0 0 0', 'v 1 0 0',
             'v 0 1 0', 'vt 0 0', 'f 1/1 2/1 3/1']  # yapf: disable
    path.write_text('\n'.join(lines))
    colors = read_scan(path)[:, 3:]
    assert len(np.unique(colors, axis=0)) == 1
    assert colors[0].tolist() != [255, 0, 0]
    path.with_name('secret.mtl').write_text('newmtl m\nKd 1 0 0\n')
    path.write_text('\n'.join(lines).replace('../', ''))
    assert read_scan(path)[0, 3:].tolist() == [255, 0, 0]


@pytest.mark.parametrize('suffix, module', [('.glb', 'trimesh'),
                                            ('.las', 'laspy')])
def test_library_that_is_missing(tmp_path, monkeypatch, suffix, module):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / f'a{suffix}').write_bytes(b'x')
    with pytest.raises(
            ImportError, match=f'{module}, which is not installed:'
            ' pip install'):
        read_scan(tmp_path / f'a{suffix}')


@pytest.mark.parametrize('suffix', ['.las', '.laz'])
@pytest.mark.parametrize('bits', [8, 16])
def test_las(cloud, tmp_path, suffix, bits):
    laspy = pytest.importorskip('laspy')
    if suffix == '.laz':
        pytest.importorskip('lazrs')
    xyz, rgb, expected = cloud
    utm = np.array([448262.123, 5411932.456, 300.])
    header = laspy.LasHeader(version='1.2', point_format=2)
    header.offsets, header.scales = np.floor(utm), [1e-4] * 3
    las = laspy.LasData(header)
    las.x, las.y, las.z = (xyz + utm).T
    factor = 1 if bits == 8 else 257
    las.red, las.green, las.blue = (rgb.astype(np.uint16) * factor).T
    las.write(tmp_path / f'a{suffix}')
    found = read_scan(tmp_path / f'a{suffix}')
    assert found.dtype == np.float64
    # float32 has steps of half a meter there
    assert np.allclose(found[:, :3] - utm, expected[:, :3], atol=1e-4)
    assert np.array_equal(found[:, 3:], expected[:, 3:])


def test_damaged_las(tmp_path):
    laspy = pytest.importorskip('laspy')
    las = laspy.LasData(laspy.LasHeader(version='1.2', point_format=0))
    las.x = las.y = las.z = np.arange(9.)
    path = tmp_path / 'a.las'
    las.write(path)
    with pytest.warns(UserWarning, match='has no colors'):
        assert len(read_scan(path)) == 9
    data = path.read_bytes()
    for content in (data[:100], b'LASF',
                    data[:107] + b'\xff' * 4 + data[111:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match='not a LAS file that can'):
            read_scan(path)


def test_chunks_that_a_laz_cannot_hold(tmp_path):
    """lazrs would ask for 70 GB, and end the program."""
    laspy = pytest.importorskip('laspy')
    pytest.importorskip('lazrs')
    path = tmp_path / 'a.laz'
    las = laspy.LasData(laspy.LasHeader(version='1.2', point_format=0))
    las.x = las.y = las.z = np.arange(9.)
    las.write(path)
    data = path.read_bytes()
    start = laspy.open(path).header.offset_to_point_data
    table = int.from_bytes(data[start:start + 8], 'little')
    for content, message in (
        (data[:table + 4] + b'\xff' * 4 + data[table + 8:],
         'promises 4294967295 chunks'),
        (data[:start] + b'\xff' * 7 + b'\x7f' + data[start + 8:],
         'table of chunks is outside'),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_scan(path)
