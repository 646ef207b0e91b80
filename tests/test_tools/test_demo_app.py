"""tools/demo_app.py: its arguments, and its life from start to Ctrl-C; the
pages themselves are in test_app."""
from __future__ import annotations
import os
import signal
import socket
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import tiny_public
from command_line import environment, free_port

from mmlangseg.compat.onedl import has_onedl

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def demo_app():
    import demo_app
    return demo_app


@pytest.fixture
def refusal(demo_app, monkeypatch, capsys):
    """What a command line is refused with, line by line."""

    def run(*args) -> list[str]:
        monkeypatch.setattr(sys, 'argv', ['demo_app.py', *map(str, args)])
        with pytest.raises(SystemExit):
            demo_app.parse_args()
        error = capsys.readouterr().err.split('error: ', 1)[1]
        return [line.strip() for line in error.splitlines()]

    return run


def test_all_problems_are_said_at_once(refusal, monkeypatch, tmp_path):
    monkeypatch.setattr('demo_app.find_spec', lambda name: None)
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        lines = refusal('--refer', 'none.py', 'none.pth', '--classes',
                        tmp_path, 'a.pth', '--scan', 'a', 'b', 'c', '--scans',
                        'no_folder', '--max-upload-mb', '0', '--port', port)
    assert [line.split(',')[0][:44] for line in lines] == [
        '--scan: a b c are more than a config and a c',
        '--refer: config none.py does not exist',
        f'--classes: {tmp_path} is a folder'[:44],
        'gradio is not installed: pip install -r requ'[:44],
        'viser is not installed: pip install -r requi'[:44],
        '--scans: no_folder is no folder',
        '--max-upload-mb: 0 must be positive',
        f'--port: 127.0.0.1:{port} cannot be listened at (A'[:44],
    ]


@pytest.mark.parametrize('args, message', [
    ([], 'give a model: --scan, --refer or --classes'),
    (['--classes', TOOLS, '--scans', TOOLS], '--scans needs --scan'),
    (['--classes', TOOLS, '--no-center'], '--no-center needs --scan'),
    (['--classes', TOOLS, '--port', '65536'],
     '--port: 65536 is not from 1 to 65535'),
    (['--classes', TOOLS, '--scan', TOOLS, '--port', '65535'],
     '--port: 65536 is not from 1 to 65535'),
    (['--classes', TOOLS, '--port', 'a'],
     "argument --port: invalid int value: 'a'"),
    (['--classes', TOOLS, '--host', '192.0.2.1'], '--port: 192.0.2.1:7860 '
     'cannot be listened at (Cannot assign requested address): give another '
     '--port or --host'),
])  # yapf: disable
def test_one_problem(refusal, args, message):
    assert message in refusal(*args)


@pytest.fixture
def pages(monkeypatch):
    """Stand-ins for the pages; what they are made of, and what is stopped."""
    made, stopped = {}, []

    def stand_in(name: str):

        class Page:

            def __init__(self, *args, **kwargs) -> None:
                made[name] = args, kwargs
                self.url = f'http://{kwargs["host"]}:{kwargs["port"]}'

            def stop(self) -> None:
                stopped.append(name)

        return Page

    for module, name in (('scan_page', 'ScanPage'), ('image_page',
                                                     'ImagePage')):
        stub = ModuleType(module)
        setattr(stub, name, stand_in(name))
        monkeypatch.setitem(sys.modules, f'app_parts.{module}', stub)
    return Namespace(made=made, stopped=stopped)


def arguments(**given) -> Namespace:
    plain = dict(
        scan=None,
        refer=None,
        classes=None,
        scans=None,
        no_center=False,
        device='cpu',
        host='127.0.0.1',
        port=7000,
        max_upload_mb=None)
    return Namespace(**{**plain, **given})


def test_pages_of_all_models(demo_app, pages):
    models = dict(scan='less', refer='semires', classes='sseg')
    args = arguments(**models, scans='scans', max_upload_mb=0.5)
    with ExitStack() as stack:
        urls = demo_app.open_pages(args, models, stack)
        assert not pages.stopped
    assert urls == dict(
        images='http://127.0.0.1:7000/', scans='http://127.0.0.1:7001/')
    common = dict(host='127.0.0.1', max_upload_bytes=1 << 19)
    assert pages.made == dict(
        ScanPage=(('less', ), dict(common, port=7001, scans=Path('scans'))),
        ImagePage=(('semires', 'sseg'),
                   dict(common, port=7000, scan_url=urls['scans'])))
    assert sorted(pages.stopped) == ['ImagePage', 'ScanPage']


def test_pages_of_one_model(demo_app, pages):
    with ExitStack() as stack:
        urls = demo_app.open_pages(
            arguments(scan='less', host='0.0.0.0'), dict(scan='less'), stack)
    assert urls == dict(scans=f'http://{socket.gethostname()}:7000/')
    assert pages.made == dict(
        ScanPage=(('less', ), dict(host='0.0.0.0', port=7000, scans=None)))
    pages.made.clear()
    with ExitStack() as stack:
        demo_app.open_pages(
            arguments(classes='sseg'), dict(classes='sseg'), stack)
    assert pages.made == dict(
        ImagePage=((None, 'sseg'),
                   dict(host='127.0.0.1', port=7000, scan_url=None)))


def test_a_page_that_fails_stops_the_other(demo_app, pages, monkeypatch):
    monkeypatch.setattr(sys.modules['app_parts.image_page'], 'ImagePage',
                        lambda *args, **kwargs: open('none'))
    monkeypatch.setattr(demo_app, 'load', lambda args: dict(scan=1, refer=1))
    with pytest.raises(SystemExit, match='^error: .*none'):
        demo_app.serve(arguments(scan=1, refer=1))
    assert pages.stopped == ['ScanPage']


def test_a_model_of_another_kind(demo_app, tmp_path):
    config = tmp_path / 'room.py'
    config.write_text("default_scope = 'mmdet3d'\nmodel = dict(type='LESS')")
    args = arguments(refer=(str(config), str(config)))
    with pytest.raises(SystemExit, match="^error: --refer: .*'mmdet3d'"):
        demo_app.load(args)


@pytest.mark.parametrize('no_center', [False, True])
def test_frame_of_scans(demo_app, monkeypatch, no_center):
    """That of tools/infer.py with the same option."""
    from mmlangseg import apis
    made = {}

    def less(config, checkpoint, device, center=True):
        made['scan'] = config, checkpoint, device, center

    def semires(config, checkpoint, device):
        made['refer'] = config, checkpoint, device

    monkeypatch.setattr(apis, 'LESSInferencer', less, raising=False)
    monkeypatch.setattr(apis, 'SemiRESInferencer', semires, raising=False)
    demo_app.load(
        arguments(scan=('a', None), refer=('b', 'b.pth'), no_center=no_center))
    assert made == dict(
        scan=('a', ..., 'cpu', not no_center), refer=('b', 'b.pth', 'cpu'))


@pytest.mark.parametrize('host, loopback', [('127.0.0.1', True),
                                            ('127.8.0.1', True),
                                            ('localhost', True), ('::1', True),
                                            ('0.0.0.0', False),
                                            ('192.168.1.2', False),
                                            ('my.example', False)])
def test_loopback(demo_app, host, loopback):
    assert demo_app.is_loopback(host) == loopback


def test_addresses(demo_app):
    assert demo_app.page_url('::1', 80) == 'http://[::1]:80/'
    assert demo_app.page_url('my.example', 80) == 'http://my.example:80/'


def test_whom_it_listens_to_and_how_it_ends(demo_app, pages, monkeypatch,
                                            capsys):

    def wait(_) -> None:
        assert not pages.stopped
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)  # interrupted

    monkeypatch.setattr(sys, 'argv', [
        'demo_app.py', '--refer',
        str(TOOLS), '--host', '0.0.0.0', '--port',
        free_port()
    ])
    monkeypatch.setattr(demo_app, 'find_spec', lambda name: True)
    monkeypatch.setattr(demo_app, 'load', lambda args: dict(refer=1))
    monkeypatch.setattr(demo_app.threading.Event, 'wait', wait)
    before = signal.getsignal(signal.SIGTERM)
    try:
        demo_app.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    said = capsys.readouterr()
    assert pages.stopped == ['ImagePage']
    assert said.out.endswith('stopped; what was uploaded is deleted\n')
    assert said.err.startswith('warning: --host 0.0.0.0: whoever reaches')


@pytest.fixture
def heeded_interrupts():
    """Shells have what they start in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(find_spec('gradio') is None, reason='gradio not installed')
def test_from_start_to_end(tmp_path, heeded_interrupts):
    """A public model for both tabs, in a process of its own."""
    model = tiny_public.write_clipseg(tmp_path / 'clipseg')
    temporary = tmp_path / 'temporary'
    temporary.mkdir()
    port = free_port()
    app = subprocess.Popen([
        sys.executable, TOOLS / 'demo_app.py', '--refer', model, '--classes',
        model, '--port', port, '--device', 'cpu'
    ],
                           env=dict(environment(), TMPDIR=str(temporary)),
                           text=True,
                           stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    try:
        said = []
        while 'Ctrl-C ends it.\n' not in said:
            said.append(app.stdout.readline())
            assert said[-1], app.communicate()  # it ended
        if has_onedl():  # whose MMDetection prints, too
            said = [line for line in said if 'import OneDL' not in line]
        assert said == [
            f'loading {model}\n', f'loading {model}\n',
            f'images: http://127.0.0.1:{port}/\n', 'Ctrl-C ends it.\n'
        ]
        assert listening_at(int(port)) == '127.0.0.1'
        folder, = temporary.glob('mmlangseg*')
        assert folder.stat().st_mode & 0o77 == 0
        app.send_signal(signal.SIGINT)
        out, error = app.communicate(timeout=60)
    finally:
        app.kill()
    assert app.returncode == 0, error
    assert out == 'stopped; what was uploaded is deleted\n'
    assert 'Traceback' not in error and 'warning' not in error
    assert not list(temporary.glob('mmlangseg*'))


def listening_at(port: int) -> str:
    """The address at which something listens, of /proc/net/tcp."""
    for line in Path('/proc/net/tcp').read_text().splitlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        if state == '0A' and int(address.split(':')[1], 16) == port:
            return socket.inet_ntoa(bytes.fromhex(address[:8])[::-1])
    return ''
