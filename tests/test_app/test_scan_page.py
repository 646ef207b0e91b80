"""The page on which a scan is asked, in a browser."""
import gc
import io
import json
import re
import threading
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from browser import start_browser
from command_line import call
from plyfile import PlyData

pytest.importorskip('viser')
pytest.importorskip('mmdet3d')
pytest.importorskip('spconv')
import msgspec  # noqa: E402
import trimesh  # noqa: E402
import websockets.sync.client  # noqa: E402
from app_parts import scan_session  # noqa: E402
from app_parts.scan_page import ScanPage, is_own_page  # noqa: E402
from less_model import build, model_config  # noqa: E402
from websockets.exceptions import ConnectionClosed  # noqa: E402

from mmlangseg.apis import LESSInferencer  # noqa: E402

TEXTS = 'the red chair near the door', 'a <b>zebra</b> of **the** table'
LIMIT = 100_000  # bytes of an upload
PIPELINE = [
    dict(
        type='LoadPointsFromDict',
        coord_type='DEPTH',
        load_dim=6,
        use_dim=6,
        use_color=True),
    dict(type='GlobalAlignment', rotation_axis=2),
    dict(type='NormalizeScanColor'),
    dict(type='PackReferring3DInputs'),
]


def make_scan(n_points=600):
    rng = np.random.default_rng(3)
    xyz = rng.uniform(-1, 1, (n_points, 3)) * [2, 1.5, 0.5]
    rgb = rng.integers(0, 256, (n_points, 3)) * (xyz[:, :1] > 0)
    return np.concatenate([xyz, rgb], 1).astype('f4')


@pytest.fixture(scope='module')
def less(tmp_path_factory):
    """Config and weights of a small LESS of random weights."""
    folder = tmp_path_factory.mktemp('less')
    config = dict(
        default_scope='mmdet3d',
        custom_imports=dict(
            imports=['mmlangseg.less'], allow_failed_imports=False),
        model=model_config(folder),
        test_dataloader=dict(
            dataset=dict(type='ScanReferDataset', pipeline=PIPELINE)))
    path, weights = folder / 'tiny.json', folder / 'tiny.pth'
    path.write_text(json.dumps(config))
    model = LESSInferencer(str(path), None, device='cpu').model
    model.load_state_dict(build(config['model']).state_dict())
    divide(model, str(path))
    torch.save(dict(state_dict=model.state_dict(), meta={}), weights)
    return str(path), str(weights)


def divide(model, config):
    """Let sentences change less, and move logits to around zero, so that
    each mask is a part of the scan."""
    decoder, seen = model.decoder, []
    with torch.no_grad():
        for weight in model.text_encoder.parameters():
            weight *= 0.3
    hook = decoder.register_forward_pre_hook(lambda _, a: seen.append(a[0]))
    less = LESSInferencer(config, None, device='cpu')
    less.model = model
    less(make_scan(), TEXTS)
    hook.remove()
    with torch.no_grad():
        hidden = decoder.mask_hidden(torch.cat(seen)).flatten(0, -2)
        decoder.mask_out.weight *= 20
        decoder.mask_out.bias[:] = -decoder.mask_out.weight @ hidden.mean(0)


@pytest.fixture(scope='module')
def inferencer(less):
    return LESSInferencer(*less, device='cpu')


@pytest.fixture(scope='module')
def scans(tmp_path_factory):
    folder = tmp_path_factory.mktemp('scans')
    np.save(folder / 'room.npy', make_scan())
    np.save(folder / 'second.npy', make_scan(400))
    return folder


@pytest.fixture(scope='module')
def browser():
    with start_browser() as started:
        yield started


@pytest.fixture
def visit(browser, page):
    """Makes users of the page."""
    users = []

    def visit(page=page):
        users.append(User(browser, page))
        return users[-1]

    yield visit
    for user in users:
        user.context.close()


@pytest.fixture
def page(inferencer, scans):
    page = ScanPage(inferencer, port=0, scans=scans, max_upload_bytes=LIMIT)
    yield page
    page.stop()


class User:
    """Who uses the page."""

    def __init__(self, browser, page):
        self.context = browser.new_context(
            accept_downloads=True, viewport=dict(width=800, height=600))
        self.tab = self.context.new_page()
        self.alerts = []
        self.tab.on('dialog', lambda d: (self.alerts.append(d), d.dismiss()))
        self.requested = []
        for kind in 'request', 'websocket':
            self.tab.on(kind, lambda each: self.requested.append(each.url))
        self.tab.goto(page.url)
        self.sees('Open or upload a scan')

    def sees(self, text, role='status'):
        self.tab.get_by_role(role).filter(has_text=text).wait_for()

    def press(self, name):
        self.tab.get_by_role('button', name=name, exact=True).click()

    def open(self):
        self.press('Open')
        self.sees('600 points')

    def choose(self, number, option):
        """In a drop-down."""
        self.tab.locator('input[role=combobox]:visible').nth(number).click()
        self.tab.get_by_role('option', name=option, exact=True).click()

    def ask(self, text):
        self.tab.locator('form input').fill(text)
        self.press('Find')

    def upload(self, name, content):
        with self.tab.expect_file_chooser() as chooser:
            self.press('Upload a scan')
        chooser.value.set_files([dict(name=name, mimeType='', buffer=content)])

    def set_threshold(self, value):
        # the number beside the slider
        box = self.tab.locator('.mantine-NumberInput-input')
        box.fill(str(value))
        box.press('Enter')

    def download(self, kind, path):
        with self.tab.expect_download() as download:
            self.press(kind)
        download.value.save_as(path)
        return download.value.suggested_filename


def eventually(condition):
    """Wait for what other threads do."""
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.05)
    return False


def mask_in(path):
    return PlyData.read(str(path))['vertex']['referred'].astype(bool)


def test_answers_are_those_of_infer(visit, inferencer, less, scans, tmp_path,
                                    monkeypatch):
    expected = [inferencer(scans / 'room.npy', text)[0] for text in TEXTS]
    assert all(0 < each.n_points < 600 for each in expected)
    encoded, encode = [], inferencer.model.backbone.encode_scenes
    monkeypatch.setattr(inferencer.model.backbone, 'encode_scenes',
                        lambda scenes: encoded.append(1) or encode(scenes))
    user = visit()
    user.open()
    for number, (text, result) in enumerate(zip(TEXTS, expected), start=1):
        user.ask(text)
        row = f'score {result.score:.2f}, {result.n_points:,} points'
        user.sees(row, 'note')
        # as it was typed: neither HTML nor Markdown
        user.tab.get_by_role('button', name=text, exact=True).wait_for()
        name = user.download('PLY', tmp_path / f'{number}.ply')
        assert name == f'room_{number}.ply'
        call('infer.py', *less, '--scan', scans / 'room.npy', '--text', text,
             '--out', tmp_path / text[:5])
        assert (tmp_path /
                f'{number}.ply').read_bytes() == (tmp_path / text[:5] /
                                                  'room_0.ply').read_bytes()
    user.sees(expected[1].warning, 'note')
    assert "'zebra'" in expected[1].warning
    assert encoded == [1]

    # another threshold, and an earlier sentence again
    probability = float(
        np.quantile(1 / (1 + np.exp(-expected[0].logits)), 0.8).round(2))
    user.press(TEXTS[0])
    user.set_threshold(probability)
    above = expected[0].mask_above(probability)
    assert 0 < above.sum() < expected[0].n_points
    user.sees(f'{above.sum():,} points', 'note')
    user.download('PLY', tmp_path / 'above.ply')
    np.testing.assert_array_equal(mask_in(tmp_path / 'above.ply'), above)
    assert user.download('GLB', tmp_path / 'above.glb') == 'room_1.glb'
    cloud = trimesh.load(tmp_path / 'above.glb').geometry['geometry_0']
    red, green, blue = np.asarray(cloud.colors)[:, :3].astype(int).T
    np.testing.assert_array_equal(red > np.maximum(green, blue) + 60, above)

    user.press('Reset')
    user.sees('Ready for a sentence')
    assert user.tab.get_by_role('note').count() == 0
    user.ask(TEXTS[0])
    user.sees(f'{expected[0].n_points:,} points', 'note')


def test_views(visit, page):
    user = visit()
    user.choose(1, 'second.npy')
    user.press('Open')
    user.sees('second.npy: 400 points')
    (session, ) = page._sessions.values()
    camera = session._client.camera
    assert eventually(lambda: camera.position[1] < -0.5)
    user.press('Top')
    assert eventually(lambda: abs(camera.position[:2]).max() < 0.1 and camera.
                      position[2] > 1)
    user.press('Orbit')
    assert eventually(lambda: camera.position[1] < -0.5)
    # nothing comes from other hosts
    hosts = {
        urlsplit(url).netloc
        for url in user.requested if not url.startswith(('data:', 'blob:'))
    }
    assert hosts == {urlsplit(page.url).netloc}


def test_users_do_not_meet(visit, page):
    first, second = visit(), visit()
    content = (page._scans / 'room.npy').read_bytes()
    first.upload('my<i>room<i>.npy', content)
    first.sees('my_i_room_i_.npy: 600 points')
    # read, and gone
    assert eventually(lambda: not list(page._uploads.folder.iterdir()))
    first.ask('the secret chair')
    first.sees('points', 'note')
    second.ask('the table')
    second.sees('Open or upload a scan first', 'alert')
    assert 'secret' not in second.tab.content()
    assert second.tab.get_by_role('note').count() == 0
    second.open()
    second.ask('the door')
    second.sees('points', 'note')
    for user, own, other in ((first, 'secret', 'the door'),
                             (second, 'the door', 'secret')):
        assert own in user.tab.content() and other not in user.tab.content()
    opened = page._worker._open
    assert len(opened) == 2
    first.context.close()
    assert eventually(lambda: gc.collect() >= 0 and len(opened) == 1)
    assert len(page._sessions) == 1
    second.tab.reload()  # a new user, too
    second.sees('Open or upload a scan, then')
    assert eventually(lambda: gc.collect() >= 0 and len(opened) == 0)


def test_others_wait_and_stay_responsive(visit, page):
    first, second = visit(), visit()
    first.open()
    first.ask(TEXTS[0])
    first.sees('points', 'note')
    block = threading.Event()
    page._worker.submit(block.wait)
    second.press('Open')
    second.sees('Reading room.npy ... Requests before it: 1.')
    second.press('Open')
    second.sees('Wait until the present request is answered', 'alert')
    second.choose(0, 'millimeters (--scale 0.001)')  # of the next one
    first.set_threshold(0.99)  # needs no model
    first.sees('nothing found', 'note')
    first.set_threshold(5)
    box = first.tab.locator('.mantine-NumberInput-input')
    assert eventually(lambda: box.input_value() == '0.99')
    block.set()
    second.sees('600 points')
    page._worker.most_open = 2
    third = visit()
    third.press('Open')
    third.sees('2 scans are open at present', 'alert')


def test_errors_are_texts(visit, page, monkeypatch, capfd):
    user = visit()
    for button in 'Find', 'PLY', 'Top', 'Reset':
        user.press(button)
        user.sees('Open or upload a scan first', 'alert')
        user.press('Orbit')
    broken = b'ply\nformat ascii 1.0\nelement vertex 3\nend_header\n'
    uploads = str(page._uploads.folder)
    millimeters = npy(make_scan() * np.repeat([1000, 1], 3))
    for name, content, message in (
        ('a.ply', broken, r'^a\.ply'),
        ('b.ply', b'', r'^b\.ply'),
        ('c.npz', b'PK broken', r'^c\.npz is not a valid archive'),
        ('<img src=x onerror=alert(1)>.txt', b'1 2 3',
         r'^<img src=x onerror=alert\(1\)>\.txt is not read: convert it'),
        ('e.npy', bytes(LIMIT + 1),
         r'^e\.npy has 0\.0954 MB, more than the 0\.0954 MB'),
        ('f.npy', millimeters, r'^f\.npy.*--scale 0\.001'),
    ):
        user.upload(name, content)
        user.sees(re.compile(message), 'alert')
        assert uploads not in user.tab.content()
        assert not list(page._uploads.folder.iterdir())
    assert user.alerts == []
    user.choose(0, 'millimeters (--scale 0.001)')
    user.upload('f.npy', millimeters)
    user.sees(re.compile(r'^f\.npy: 600 points, 3\.9. x '))
    user.choose(0, 'meters')
    # the button works again behind all of them
    user.upload('<b>good</b>.npy', npy(make_scan()))
    user.sees('600 points')
    for text, message in (('  ', 'Type a sentence first'), ('a' * 2000,
                                                            'shorten it')):
        user.ask(text)
        user.sees(message, 'alert')
    monkeypatch.setattr(scan_session, 'MAX_SENTENCES', 0)
    user.ask('the chair')
    user.sees('0 sentences are enough', 'alert')
    monkeypatch.undo()
    page._worker.most_points = 599
    user.press('Open')
    user.sees('room.npy has 600 points, more than the 599', 'alert')
    page._worker.most_points = 600
    # what was open before is still there
    user.ask('the chair')
    user.sees(re.compile('^Answered in'))
    user.open()
    capfd.readouterr()

    def fail(*args, **kwargs):
        raise KeyError('internal-detail')

    monkeypatch.setattr(page._worker.inferencer.model, 'forward', fail)
    user.ask('the chair')
    user.sees('has printed why', 'alert')
    assert 'internal-detail' not in user.tab.content()
    assert "KeyError: 'internal-detail'" in capfd.readouterr().err


def npy(points):
    file = io.BytesIO()
    np.save(file, points)
    return file.getvalue()


def test_nothing_is_left(browser, inferencer):
    page = ScanPage(inferencer, port=0)
    user = User(browser, page)
    assert user.tab.get_by_role('button', name='Open', exact=True).count() == 0
    block = threading.Event()
    page._worker.submit(block.wait)
    user.upload('room.npy', npy(make_scan()))
    user.sees('Reading room.npy')
    folder = page._uploads.folder
    file, = folder.rglob('room.npy')
    user.context.close()  # while its scan waits
    assert eventually(lambda: not file.exists())
    page.stop()
    block.set()
    assert not folder.exists()


CAMERA = dict(
    type='ViewerCameraMessage',
    wxyz=(1., 0., 0., 0.),
    position=(1., 1., 1.),
    fov=1.,
    near=.1,
    far=10.,
    image_height=10,
    image_width=10,
    look_at=(0., 0., 0.),
    up_direction=(0., 0., 1.))


@pytest.mark.parametrize('origin', ['own', 'http://elsewhere.example', 'null'])
def test_foreign_pages_get_nothing(page, origin):
    """Any page in a browser of this machine can connect to it."""
    import viser
    own = origin == 'own'
    with websockets.sync.client.connect(
            page.url.replace('http', 'ws'),
            origin=page.url if own else origin,
            subprotocols=[f'viser-v{viser.__version__}']) as connection:
        connection.send(msgspec.msgpack.encode(CAMERA))
        if own:
            assert eventually(lambda: page._sessions)
        else:
            with pytest.raises(ConnectionClosed, match='not from this page'):
                while True:
                    connection.recv(timeout=20)
            assert not page._sessions


def test_no_public_tunnel(page):
    assert page._server.request_share_url() is None


@pytest.mark.parametrize('origin, host, bound, own', [
    (None, 'localhost:8080', '127.0.0.1', True),
    ('http://localhost:8080', 'localhost:8080', '127.0.0.1', True),
    ('http://127.0.0.1:8080', '127.0.0.1:8080', '127.0.0.1', True),
    ('http://[::1]:8080', '[::1]:8080', '::1', True),
    ('http://127.0.0.1:9999', '127.0.0.1:8080', '127.0.0.1', False),
    ('http://evil.example', '127.0.0.1:8080', '127.0.0.1', False),
    ('http://evil.example:8080', 'evil.example:8080', '127.0.0.1', False),
    ('http://lab.example:8080', 'lab.example:8080', '0.0.0.0', True),
    ('http://evil.example', 'lab.example:8080', '0.0.0.0', False),
    ('null', '127.0.0.1:8080', '127.0.0.1', False),
    ('http://[', '127.0.0.1:8080', '127.0.0.1', False),
])
def test_is_own_page(origin, host, bound, own):
    assert is_own_page(origin, host, bound) is own


def test_bad_arguments(inferencer, tmp_path):
    with pytest.raises(OSError, match="'203.0.113.7' is no address of this"):
        ScanPage(inferencer, '203.0.113.7', 0)
    with pytest.raises(NotADirectoryError, match='not a folder of scans'):
        ScanPage(inferencer, port=0, scans=tmp_path / 'missing')


def test_address(inferencer):
    page = ScanPage(inferencer, port=0)
    try:
        assert re.fullmatch(r'http://127\.0\.0\.1:[1-9]\d+', page.url)
    finally:
        page.stop()
