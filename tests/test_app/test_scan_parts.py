"""Parts of the page on which a scan is asked, without a browser."""
import io
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('viser')
pytest.importorskip('mmdet3d')
import viser  # noqa: E402
from app_parts import scan_files  # noqa: E402
from app_parts.scan_cloud import ScanCloud  # noqa: E402
from app_parts.scan_uploads import ScanUploads  # noqa: E402
from viser import _messages as messages  # noqa: E402

from mmlangseg.visualization.colors import PRED_COLOR  # noqa: E402


def room(count, size=(8, 6, 3), at=(0, 0, 0)):
    rng = np.random.default_rng(0)
    return (rng.random((count, 3)) * size + at).astype('f4')


def test_cloud_is_thinned_for_the_browser_only():
    xyz, rgb = room(1000), np.full((1000, 3), 127.5)
    cloud = ScanCloud(xyz, rgb, most=300)
    assert cloud.xyz.shape == (300, 3) and cloud.colors().dtype == np.uint8
    assert (cloud.colors() == 127).all()
    mask = xyz[:, 0] > 6
    painted = cloud.colors(mask)
    red = painted[:, 0] > painted[:, 1]
    # around the middle of what is given
    np.testing.assert_array_equal(
        red, cloud.xyz[:, 0] + np.mean([xyz[:, 0].min(), xyz[:, 0].max()]) > 6)
    assert 0 < red.sum() < 300 and PRED_COLOR[0] > PRED_COLOR[1]
    whole = ScanCloud(xyz, rgb)
    assert len(whole.xyz) == 1000
    assert np.abs(whole.xyz.min(0) + whole.xyz.max(0)).max() < 1e-5


@pytest.mark.parametrize('size, precision', [
    ((8, 6, 3), 'float16'),
    ((0.5, 0.5, 0.3), 'float16'),
    ((200, 1, 1), 'float32'),
])
@pytest.mark.parametrize('at', [(0, 0, 0), (900, 900, 0)])
def test_precision_follows_the_spacing(size, precision, at):
    cloud = ScanCloud(room(200_000, size, at), np.zeros((200_000, 3)))
    assert cloud.precision == precision
    error = np.abs(cloud.xyz.astype(np.float16).astype(float) - cloud.xyz)
    assert (error.max() <= cloud.spacing / 4) == (precision == 'float16')


def test_flat_scan_has_views():
    cloud = ScanCloud(room(50, (1, 1, 0)), np.zeros((50, 3)))
    for view in cloud.top_view(), cloud.orbit_view():
        assert np.linalg.norm(view.position - view.look_at) > 0.1
    assert cloud.spacing > 0


def test_scans_of_the_server(tmp_path):
    root, outside = tmp_path / 'scans', tmp_path / 'secret.ply'
    (root / 'sub').mkdir(parents=True)
    (root / '.trash').mkdir()
    for path in (outside, root / 'b.ply', root / 'sub/a.NPY',
                 root / 'b.labels.npy', root / 'notes.txt', root / '._b.ply',
                 root / '.trash/c.ply'):
        path.write_text('x')
    (root / 'link.ply').symlink_to(outside)
    (root / 'dir.ply').mkdir()
    assert scan_files.list_scans(root) == ['b.ply', 'sub/a.NPY']
    assert scan_files.find_scan(root, 'sub/a.NPY') == root / 'sub/a.NPY'
    for name in ('../secret.ply', str(outside), 'link.ply', 'notes.txt', '',
                 'sub/../b.ply', 'b.ply\0'):
        with pytest.raises(ValueError, match='no such scan on the server'):
            scan_files.find_scan(root, name)


@pytest.mark.parametrize('name, safe', [
    ('room.ply', 'room.ply'),
    ('../../etc/My Room.PLY', 'My_Room.ply'),
    ('C:\\scans\\a.b.las', 'a.b.las'),
    ('Küche <1>.ply', 'Küche_1_.ply'),
    ('<b>\n\0.npz', '_b_.npz'),
    ('x' * 300 + '.pcd', 'x' * 60 + '.pcd'),
])
def test_safe_name(name, safe):
    assert scan_files.safe_name(name) == safe


@pytest.mark.parametrize('name', ['', 'room', '.ply', 'a.ply/b.txt', 'a.zip'])
def test_other_files_are_refused(name):
    with pytest.raises(ValueError, match='is not read: convert it to'):
        scan_files.safe_name(name)


def test_small_files_that_become_large(tmp_path):
    path = tmp_path / 'a.NPZ'
    with path.open('wb') as file:  # a name would get another suffix
        np.savez_compressed(file, points=np.zeros((100_000, 6), 'f4'))
    assert path.stat().st_size < 10_000
    scan_files.check_unpacked(path, 2_500_000)
    with pytest.raises(ValueError, match='a.NPZ unpacks to 0.0 GB, more'):
        scan_files.check_unpacked(path, 2_000_000)
    path = tmp_path / 'a.pcd'
    path.write_bytes(b'# .PCD v0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\n'
                     b'WIDTH 1\nPOINTS 100000\nDATA binary_compressed\n\xff')
    scan_files.check_unpacked(path, 1_200_000)
    with pytest.raises(ValueError, match='thin the scan out'):
        scan_files.check_unpacked(path, 1_199_999)
    damaged = io.BytesIO()
    with zipfile.ZipFile(damaged, 'w') as archive:
        archive.writestr('points.npy', b'x' * 1000)
    for name in 'b.npz', 'b.pcd', 'b.laz', 'b.ply':
        (tmp_path / name).write_bytes(damaged.getvalue()[:500])
        scan_files.check_unpacked(tmp_path / name,
                                  10)  # the reader will say more


def test_laz_that_becomes_large(tmp_path):
    laspy = pytest.importorskip('laspy')
    pytest.importorskip('lazrs')
    las = laspy.create()
    las.x = las.y = las.z = np.zeros(50_000)
    las.write(tmp_path / 'a.laz')
    size = 50_000 * las.header.point_format.size
    scan_files.check_unpacked(tmp_path / 'a.laz', size)
    with pytest.raises(ValueError, match='a.laz unpacks'):
        scan_files.check_unpacked(tmp_path / 'a.laz', size - 1)


def test_messages_without_folders(tmp_path, uploads):
    (tmp_path / 'real').mkdir()
    link = tmp_path / 'link'
    link.symlink_to('real')
    message = f'{tmp_path}/real/a.ply is not in {link}'
    assert scan_files.without_folder(message,
                                     link) == 'a.ply is not in the folder'
    assert scan_files.without_folder(message, None) == message
    path = uploads.keep(viser.UploadedFile('my room.ply', b''))
    assert uploads.without_folder(
        f'{path}: {path.parent}/x') == 'my_room.ply: x'
    assert uploads.without_folder(
        f'no space: {uploads.folder}/abc') == 'no space: abc'


class Client:
    """A browser that sends files, with what viser keeps of them."""

    def __init__(self, number):
        self.client_id = number
        self.files = {}
        self.gui = SimpleNamespace(_current_file_upload_states=self.files)
        self._websock_connection = self
        self.handlers, self.sent = {}, []
        self.queue_message = self.sent.append
        self.register_handler = self.handlers.__setitem__

    def start(self, transfer, size, name='a.ply'):
        self.files[transfer] = dict(total_bytes=size, transferred_bytes=0)
        self.handlers[messages.FileTransferStartUpload](
            0,
            messages.FileTransferStartUpload('button', transfer, name, '', 1,
                                             size))

    def part(self, transfer, content):
        if transfer in self.files:
            self.files[transfer]['transferred_bytes'] += len(content)
        self.handlers[messages.FileTransferPart](0,
                                                 messages.FileTransferPart(
                                                     'button', transfer, 0,
                                                     content))


@pytest.fixture
def uploads():
    uploads = ScanUploads(1000)
    yield uploads
    uploads.stop()


def test_too_large_before_it_is_read(uploads):
    client, reasons = Client(1), []
    uploads.watch(client, reasons.append)
    client.start('fits', 1000)
    assert client.files and not reasons
    for number, size in enumerate((1001, 4 << 30, -1), start=1):
        client.start('large', size, '<b>.ply')
        assert list(client.files) == ['fits']
        assert len(reasons) == number and reasons[-1].startswith('<b>.ply has')
        # the progress bar goes
        assert client.sent[-1] == messages.RemoveNotificationMessage(
            'upload-large')
    client.part('large', b'x' * 500)  # what still comes is not kept
    assert 'has 4.0 GB, more than' in reasons[1] and list(
        client.files) == ['fits']


def test_more_than_was_said(uploads):
    client, reasons = Client(1), []
    uploads.watch(client, reasons.append)
    client.start('one', 10)
    client.part('one', b'x' * 10)
    assert client.files and not reasons
    client.part('one', b'x')
    assert not client.files and 'larger than was said' in reasons[0]


def test_all_browsers_together(uploads):
    clients, reasons = [Client(number) for number in range(3)], []
    for client in clients:
        uploads.watch(client, reasons.append)
    clients[0].start('a', 900)
    clients[1].start('b', 900)
    assert not reasons
    clients[2].start('c', 900)
    assert 'Others are sending' in reasons[0] and not clients[2].files
    uploads.forget(clients[0])
    clients[2].start('c', 900)
    assert len(reasons) == 1 and clients[2].files
    uploads.forget(clients[1])
    uploads.forget(clients[2])
    # those that wait on the disk count, too
    path = uploads.keep(viser.UploadedFile('../x.ply', b'x' * 900))
    assert path.is_relative_to(uploads.folder) and path.name == 'x.ply'
    clients = [Client(number) for number in range(2)]
    for client in clients:
        uploads.watch(client, reasons.append)
        client.start('d', 900)
    assert len(reasons) == 2
    uploads.delete(path)
    clients[1].start('d', 900)
    assert len(reasons) == 2 and not list(uploads.folder.iterdir())
    uploads.stop()
    assert not uploads.folder.exists()
