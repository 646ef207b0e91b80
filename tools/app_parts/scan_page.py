"""The page on which a scan is asked, served by viser."""
from __future__ import annotations
import asyncio
import contextlib
import io
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import viser

from mmlangseg.less.apis import LESSInferencer
from .addresses import is_loopback
from .scan_session import ScanSession
from .scan_uploads import ScanUploads
from .scan_worker import ScanWorker


class _Server(viser.ViserServer):
    """Stays on the host that it is bound to."""

    def request_share_url(self, verbose: bool = True) -> None:
        """Nothing: any browser could have viser open a public tunnel."""


class ScanPage:
    """Serves a page for scans, on which every browser has its own.

    It is served as soon as this object is made, by threads of its own.

    Args:
        inferencer: The model.
        host: Address to bind to. The default is reached from this machine
            only.
        port: If it is taken, the next free one; 0 takes any.
        scans: Folder of scans that can be picked by everybody.
        max_upload_bytes: Of one file.

    Raises:
        OSError: ``host`` is no address of this machine.
        NotADirectoryError: ``scans`` is no folder.
    """

    def __init__(self,
                 inferencer: LESSInferencer,
                 host: str = '127.0.0.1',
                 port: int = 8080,
                 scans: Path | None = None,
                 max_upload_bytes: int = 512 << 20) -> None:
        if scans is not None and not Path(scans).is_dir():
            raise NotADirectoryError(f'{scans} is not a folder of scans')
        _check_host(host)
        self._host = host
        self._scans = None if scans is None else Path(scans)
        self._worker = ScanWorker(inferencer)
        self._uploads = ScanUploads(max_upload_bytes)
        self._sessions: dict[int, ScanSession] = {}
        self._lock = threading.Lock()
        with contextlib.redirect_stdout(io.StringIO()):  # viser's banner
            self._server = _Server(host, port, 'Ask a scan', verbose=False)
        self._server.gui.configure_theme(
            show_logo=False, show_share_button=False, control_width='large')
        self._server.gui.main_panel.dock_right()
        self._server.on_client_connect(self._open)
        self._server.on_client_disconnect(self._close)

    @property
    def url(self) -> str:
        """Address of the page."""
        host = f'[{self._host}]' if ':' in self._host else self._host
        return f'http://{host}:{self._server.get_port()}'

    def stop(self) -> None:
        """Stop serving, and delete what browsers have sent."""
        self._server.stop()
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.close()
        self._worker.stop()
        self._uploads.stop()

    async def _open(self, client: viser.ClientHandle) -> None:
        connection = self._server._websock_server._live_connections.get(
            client.client_id)
        if connection is None:  # gone again
            return
        headers = connection.request.headers
        if not is_own_page(
                headers.get('Origin'), headers.get('Host'), self._host):
            asyncio.create_task(connection.close(1008, 'not from this page'))
            return
        session = ScanSession(client, self._worker, self._uploads, self._scans)
        with self._lock:
            self._sessions[client.client_id] = session

    async def _close(self, client: viser.ClientHandle) -> None:
        with self._lock:
            session = self._sessions.pop(client.client_id, None)
        if session is not None:
            session.close()


def is_own_page(origin: str | None, host: str | None, bound: str) -> bool:
    """Whether a connection comes from the page itself.

    Browsers let every page of the web connect to this machine, and tell which
    page it was.

    Args:
        origin: The header; None for what is no browser.
        host: The header: where the browser thinks that it is.
        bound: Address that the server is bound to.
    """
    if origin is None:
        return True
    try:
        page = urlsplit(origin)
        name = page.hostname or ''
    except ValueError:
        return False
    if page.netloc != host:
        return False
    # A foreign name may be made to mean this machine.
    return not is_loopback(bound) or is_loopback(name)


def _check_host(host: str) -> None:
    """Viser would wait forever for an address that is not here."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as free:
            free.bind(address)
    except OSError as error:
        raise OSError(f'{host!r} is no address of this machine: '
                      f'{error}') from error
