"""What one browser has open on the page of scans, and what it can do."""
from __future__ import annotations
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import viser

from mmlangseg.less.apis import OpenScan, ScanResult
from .limits import check_sentence
from .scan_cloud import ScanCloud, View
from .scan_download import marked_scan
from .scan_files import find_scan, without_folder
from .scan_panel import Actions, ScanPanel
from .scan_uploads import ScanUploads
from .scan_worker import ScanWorker

MAX_SENTENCES = 50  # of one scan; each keeps a number per point
EXPECTED = ImportError, OSError, ValueError  # their messages are for users

# What the worker does; returns what is to be done when it is free again.
Job = Callable[[], Callable[[], None]]


@dataclass
class _Asked:
    """A scan, and what it was asked.

    Attributes:
        scan: Answers.
        cloud: What is shown of it.
        node: Where it is shown.
        results: Of all sentences.
        chosen: Number of the one that is shown.
    """

    scan: OpenScan
    cloud: ScanCloud
    node: viser.PointCloudHandle
    results: list[ScanResult] = field(default_factory=list)
    chosen: int | None = None


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
        self._asked: _Asked | None = None
        uploads.watch(client, self._refuse_upload)
        act = self._handler
        self._panel = ScanPanel(
            client.gui, folder,
            Actions(
                pick=act(self._pick),
                upload=act(self._take),
                ask=act(self._ask),
                choose=act(self._choose),
                threshold=act(self._paint),
                top_view=act(self._top_view),
                orbit_view=act(self._orbit_view),
                download=act(self._download),
                reset=act(self._reset)))

    def close(self) -> None:
        """Forget all of it: the browser is gone."""
        with self._lock:
            self._closed, self._asked = True, None
            upload, self._upload = self._upload, None
        self._uploads.forget(self._client)
        if upload is not None:
            self._uploads.delete(upload)

    # What the user does; errors go to the page.

    def _pick(self, name: str) -> None:
        if self._folder is None:
            raise ValueError('There are no scans on the server')
        path = find_scan(self._folder, name)
        # as it is now, not when the model has time
        scale = self._panel.scale
        self._start(f'Reading {name} ...', lambda: self._open(path, scale))

    def _take(self, file: viser.UploadedFile) -> None:
        path, scale = self._uploads.keep(file), self._panel.scale
        with self._lock:
            if self._closed or self._busy:
                self._uploads.delete(path)
            else:
                self._upload = path
            self._start(f'Reading {path.name} ...',
                        lambda: self._open(path, scale))

    def _ask(self, text: str) -> None:
        asked = self._get_asked()
        sentence = check_sentence(text)
        if len(asked.results) >= MAX_SENTENCES:
            raise ValueError(f'{MAX_SENTENCES} sentences are enough for a '
                             'page: press "Reset" to ask more')
        self._start(f'Looking for "{sentence}" ...',
                    lambda: self._find(asked, sentence))

    def _choose(self, index: int) -> None:
        with self._lock:
            asked = self._get_asked()
            if 0 <= index < len(asked.results):
                asked.chosen = index
                self._paint()

    def _paint(self) -> None:
        """Show the mask of the chosen sentence at the threshold."""
        with self._lock:
            asked = self._asked
            if asked is None or asked.chosen is None:
                return
            result = asked.results[asked.chosen]
            mask = result.mask_above(self._panel.threshold)
            asked.node.colors = asked.cloud.colors(mask)
            self._panel.show(asked.chosen, result, mask)

    def _top_view(self) -> None:
        self._look(self._get_asked().cloud.top_view())

    def _orbit_view(self) -> None:
        self._look(self._get_asked().cloud.orbit_view())

    def _look(self, view: View) -> None:
        camera = self._client.camera
        with self._client.atomic():
            camera.up_direction = np.array([0., 0., 1.])
            camera.position = view.position
            camera.look_at = view.look_at

    def _download(self, kind: str) -> None:
        with self._lock:
            asked = self._get_asked()
            if asked.chosen is None:
                raise ValueError('Ask for something first')
            scan, result = asked.scan, asked.results[asked.chosen]
            mask = result.mask_above(self._panel.threshold)
            name = f'{scan.name}_{asked.chosen + 1}.{kind}'
        content = marked_scan(scan, mask, result.text, kind)
        self._client.send_file_download(name, content, save_immediately=True)

    def _reset(self) -> None:
        with self._lock:
            self._check_idle()
            asked = self._get_asked()
            asked.results, asked.chosen = [], None
            self._panel.clear()
            asked.node.colors = asked.cloud.colors()
            self._look(asked.cloud.orbit_view())
            self._panel.say('Ready for a sentence.')

    # What the worker does.

    def _open(self, path: Path, scale: float) -> Callable[[], None]:
        scan, warnings = self._worker.open(path, scale)
        cloud = ScanCloud(scan.xyz, scan.points[:, 3:])
        return lambda: self._show_scan(path.name, scan, cloud, warnings)

    def _show_scan(self, name: str, scan: OpenScan, cloud: ScanCloud,
                   warnings: list[str]) -> None:
        # only now, as a file that cannot be read takes nothing away
        if self._asked is not None:
            self._asked.node.remove()
        self._panel.clear()
        node = self._client.scene.add_point_cloud(
            '/scan',
            cloud.xyz,
            cloud.colors(),
            point_size=0.7 * cloud.spacing,
            point_shape='rounded',
            point_shading='flat',
            precision=cloud.precision)
        self._asked = _Asked(scan, cloud, node)
        self._look(cloud.orbit_view())
        x, y, z = np.ptp(scan.xyz, axis=0)
        self._panel.say(
            f'{name}: {len(scan.points):,} points, {x:.2f} x {y:.2f} x '
            f'{z:.2f} m. Ready for a sentence.',
            [self._plain(text) for text in warnings])

    def _find(self, asked: _Asked, sentence: str) -> Callable[[], None]:
        start = time.monotonic()
        result, = asked.scan.find(sentence)
        seconds = time.monotonic() - start
        return lambda: self._show_result(asked, result, seconds)

    def _show_result(self, asked: _Asked, result: ScanResult,
                     seconds: float) -> None:
        asked.results.append(result)
        self._panel.add(result)
        self._choose(len(asked.results) - 1)
        self._panel.say(f'Answered in {seconds:.2g} s.')

    # Helpers.

    def _get_asked(self) -> _Asked:
        asked = self._asked
        if asked is None:
            raise ValueError('Open or upload a scan first')
        return asked

    def _check_idle(self) -> None:
        if self._busy:
            raise ValueError('Wait until the present request is answered')

    def _start(self, doing: str, job: Job) -> None:
        """Have the worker do something, unless it does already."""
        with self._lock:
            if self._closed:
                return
            self._check_idle()
            self._busy = True
            ahead = self._worker.waiting
            others = f' Requests before it: {ahead}.' if ahead else ''
            self._panel.say(doing + others)
        self._worker.submit(lambda: self._work(job))

    def _work(self, job: Job) -> None:
        if self._closed:
            return
        try:
            show = job()
        except Exception as error:
            show = partial(self._explain, error)
        with self._lock:
            self._busy = False
            upload, self._upload = self._upload, None
            if upload is not None:
                self._uploads.delete(upload)
            if not self._closed:
                self._safely(show)

    def _handler(self, action: Callable[..., None]) -> Callable[..., None]:

        def handle(*args) -> None:
            self._safely(lambda: action(*args))

        return handle

    def _safely(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._explain(error)

    def _explain(self, error: Exception) -> None:
        """Say on the page what went wrong."""
        if isinstance(error, EXPECTED):
            self._refuse(self._plain(str(error)))
        elif isinstance(error, MemoryError):
            self._refuse('The scan does not fit into the memory: thin it out')
        elif not self._closed:
            traceback.print_exception(error, file=sys.stderr)
            self._refuse('This did not work; the program that serves the page '
                         'has printed why')

    def _refuse(self, reason: str) -> None:
        if not self._closed:
            self._panel.warn(reason)

    def _refuse_upload(self, reason: str) -> None:
        if not self._closed:
            self._panel.renew_upload()
            self._panel.warn(reason)

    def _plain(self, message: str) -> str:
        """Without the folders of this machine."""
        return without_folder(
            self._uploads.without_folder(message), self._folder)
