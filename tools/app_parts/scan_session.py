"""What one browser has open on the page of scans, and what it can do."""
from __future__ import annotations
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import viser

from mmlangseg.less.apis import OpenScan, ScanResult
from mmlangseg.less.visualization import write_glb, write_ply
from mmlangseg.less.visualization.point_colors import highlight
from .limits import check_sentence
from .scan_cloud import ScanCloud, View
from .scan_files import find_scan, without_folders
from .scan_panel import Actions, ScanPanel
from .scan_uploads import ScanUploads
from .scan_worker import ScanWorker

MAX_SENTENCES = 50  # of one scan; each keeps a number per point
EXPECTED = ImportError, OSError, ValueError  # their messages are for users


class ScanSession:
    """A scan, its sentences and their masks, of one browser.

    Args:
        client: The browser, which sees nothing of others.
        worker: Asks the model.
        uploads: Files that browsers send.
        folder: Of scans that can be picked, None for none.
    """

    def __init__(self, client: viser.ClientHandle, worker: ScanWorker,
                 uploads: ScanUploads, folder: Path | None) -> None:
        self._client = client
        self._worker = worker
        self._uploads = uploads
        self._folder = folder
        self._lock = threading.RLock()
        self._busy = self._closed = False
        self._upload: Path | None = None
        self._forget()
        uploads.watch(client, self._refuse_upload)
        actions = dict(
            pick=self._pick,
            upload=self._take,
            ask=self._ask,
            choose=self._choose,
            threshold=self._paint,
            top_view=self._top_view,
            orbit_view=self._orbit_view,
            download=self._download,
            reset=self._reset)
        self._panel = ScanPanel(
            client.gui, folder,
            Actions(**{
                name: self._handler(action)
                for name, action in actions.items()
            }))

    def close(self) -> None:
        """Forget all of it: the browser is gone."""
        with self._lock:
            self._closed = True
            self._forget()
            upload, self._upload = self._upload, None
        self._uploads.forget(self._client)
        if upload is not None:
            self._uploads.delete(upload)

    # What the user does; errors go to the page.

    def _pick(self, name: str) -> None:
        if self._folder is None:
            raise ValueError('There are no scans on the server')
        path = find_scan(self._folder, name)
        self._start(f'Reading {name} ...', lambda: self._open(path))

    def _take(self, file: viser.UploadedFile) -> None:
        path = self._uploads.keep(file)
        with self._lock:
            if self._closed or self._busy:
                self._uploads.delete(path)
            else:
                self._upload = path
            self._start(f'Reading {path.name} ...', lambda: self._open(path))

    def _ask(self, text: str) -> None:
        scan, _ = self._opened()
        sentence = check_sentence(text)
        if len(self._results) >= MAX_SENTENCES:
            raise ValueError(f'{MAX_SENTENCES} sentences are enough for a '
                             'page: press "Reset" to ask more')
        self._start(f'Looking for "{sentence}" ...',
                    lambda: self._find(scan, sentence))

    def _choose(self, index: int) -> None:
        with self._lock:
            if 0 <= index < len(self._results):
                self._shown = index
                self._paint()

    def _paint(self) -> None:
        """Show the mask of the chosen sentence at the threshold."""
        with self._lock:
            if self._shown is None:
                return
            _, cloud = self._opened()
            mask = self._mask()
            self._node.colors = cloud.colors(mask)
            self._panel.show(self._shown, self._results[self._shown], mask)

    def _top_view(self) -> None:
        self._look(self._opened()[1].top_view())

    def _orbit_view(self) -> None:
        self._look(self._opened()[1].orbit_view())

    def _look(self, view: View) -> None:
        camera = self._client.camera
        with self._client.atomic():
            camera.up_direction = np.array([0., 0., 1.])
            camera.position = view.position
            camera.look_at = view.look_at

    def _download(self, kind: str) -> None:
        with self._lock:
            scan, _ = self._opened()
            if self._shown is None:
                raise ValueError('Ask for something first')
            mask, text = self._mask(), self._results[self._shown].text
            name = f'{scan.name}_{self._shown + 1}.{kind}'
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            xyz, rgb = scan.points[:, :3], scan.points[:, 3:]
            if kind == 'ply':
                write_ply(path, xyz, rgb, mask, text)
            else:  # in meters around zero, as GLB has float32 only
                write_glb(path, scan.xyz, highlight(rgb, mask))
            content = path.read_bytes()
        self._client.send_file_download(name, content, save_immediately=True)

    def _reset(self) -> None:
        with self._lock:
            self._check_idle()
            _, cloud = self._opened()
            self._results, self._shown = [], None
            self._panel.clear()
            self._node.colors = cloud.colors()
            self._look(cloud.orbit_view())
            self._panel.say('Ready for a sentence.')

    # What the worker does.

    def _open(self, path: Path) -> None:
        with self._lock:
            if self._node is not None:
                self._node.remove()
            self._forget()
            self._panel.clear()
        scan, warnings = self._worker.open(path, self._panel.scale)
        cloud = ScanCloud(scan.xyz, scan.points[:, 3:])
        with self._lock:
            if self._closed:
                return
            self._scan, self._cloud = scan, cloud
            self._node = self._client.scene.add_point_cloud(
                '/scan',
                cloud.xyz,
                cloud.colors(),
                point_size=0.7 * cloud.spacing,
                point_shape='rounded',
                point_shading='flat',
                precision=cloud.precision)
            self._look(cloud.orbit_view())
            x, y, z = np.ptp(scan.xyz, axis=0)
            self._panel.say(
                f'{path.name}: {len(scan.points):,} points, {x:.2f} x {y:.2f} '
                f'x {z:.2f} m. Ready for a sentence.',
                [self._plain(text) for text in warnings])

    def _find(self, scan: OpenScan, sentence: str) -> None:
        start = time.monotonic()
        result, = scan.find(sentence)
        seconds = time.monotonic() - start
        with self._lock:
            if self._closed or scan is not self._scan:
                return
            self._results.append(result)
            self._panel.add(result)
            self._choose(len(self._results) - 1)
            self._panel.say(f'Answered in {seconds:.2g} s.')

    # Helpers.

    def _forget(self) -> None:
        self._scan: OpenScan | None = None
        self._cloud: ScanCloud | None = None
        self._node: Any = None
        self._results: list[ScanResult] = []
        self._shown: int | None = None

    def _opened(self) -> tuple[OpenScan, ScanCloud]:
        scan, cloud = self._scan, self._cloud
        if scan is None or cloud is None:
            raise ValueError('Open or upload a scan first')
        return scan, cloud

    def _mask(self) -> np.ndarray:
        assert self._shown is not None
        return self._results[self._shown].mask_above(self._panel.threshold)

    def _check_idle(self) -> None:
        if self._busy:
            raise ValueError('Wait until the present request is answered')

    def _start(self, doing: str, job: Callable[[], None]) -> None:
        """Have the worker do something, unless it does already."""
        with self._lock:
            if self._closed:
                return
            self._check_idle()
            self._busy = True
            ahead = self._worker.waiting
            others = f' {ahead} requests are before it.' if ahead else ''
            self._panel.say(doing + others)
        self._worker.submit(lambda: self._work(job))

    def _work(self, job: Callable[[], None]) -> None:
        if not self._closed:
            self._safely(job)
        with self._lock:
            self._busy = False
            upload, self._upload = self._upload, None
        if upload is not None:
            self._uploads.delete(upload)

    def _handler(self, action: Callable[..., None]) -> Callable[..., None]:

        def handle(*args) -> None:
            self._safely(lambda: action(*args))

        return handle

    def _safely(self, action: Callable[[], None]) -> None:
        """Do something; what goes wrong is said on the page."""
        try:
            action()
        except EXPECTED as error:
            self._refuse(self._plain(str(error)))
        except MemoryError:
            self._refuse('The scan does not fit into the memory: thin it out')
        except Exception:
            if not self._closed:
                traceback.print_exc(file=sys.stderr)
                self._refuse('This did not work; the program that serves the '
                             'page has printed why')

    def _refuse(self, reason: str) -> None:
        if not self._closed:
            self._panel.warn(reason)

    def _refuse_upload(self, reason: str) -> None:
        if not self._closed:
            self._panel.renew_upload()
            self._panel.warn(reason)

    def _plain(self, message: str) -> str:
        """Without the folders of this machine."""
        upload = self._upload
        return without_folders(message,
                               None if upload is None else upload.parent,
                               self._uploads.folder, self._folder)
