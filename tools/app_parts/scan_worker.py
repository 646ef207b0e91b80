"""The model behind the page of scans: one call at a time, for all browsers."""
from __future__ import annotations
import threading
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmlangseg.less.apis import LESSInferencer, OpenScan
from .scan_files import check_unpacked

MAX_POINTS = 2_000_000  # of one scan
MAX_OPEN = 8  # scans of all browsers, each with what the model made of it


class ScanWorker:
    """Reads scans and asks the model, in the order of the requests.

    Args:
        inferencer: That is asked.
        most_points: Of one scan.
        most_open: Scans that are open at the same time.
    """

    def __init__(self,
                 inferencer: LESSInferencer,
                 most_points: int = MAX_POINTS,
                 most_open: int = MAX_OPEN) -> None:
        self.inferencer = inferencer
        self.most_points = most_points
        self.most_open = most_open
        self._thread = ThreadPoolExecutor(1, 'scan-model')
        self._waiting = 0
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[OpenScan] = weakref.WeakSet()

    @property
    def waiting(self) -> int:
        """Number of jobs that are not done."""
        return self._waiting

    def submit(self, job: Callable[[], None]) -> None:
        """Have a job done behind those that wait; it must not raise."""
        with self._lock:
            self._waiting += 1
        self._thread.submit(self._do, job)

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        finally:
            with self._lock:
                self._waiting -= 1

    def open(self, path: Path, scale: float) -> tuple[OpenScan, list[str]]:
        """Read a scan, within a job.

        Args:
            path: The file.
            scale: Factor to meters.

        Returns:
            tuple: The scan, which counts until it is forgotten, and what the
            reader warns of.

        Raises:
            ValueError: The file cannot be used, or there are too many points
                or scans.
        """
        if len(self._open) >= self.most_open:
            raise ValueError(
                f'{len(self._open)} scans are open at present, no more fit '
                'into the memory: try again when others have closed the page')
        check_unpacked(path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            scan = self.inferencer.open(path, scale)
        if len(scan.points) > self.most_points:
            raise ValueError(
                f'{path.name} has {len(scan.points):,} points, more than the '
                f'{self.most_points:,} that this page takes: thin it out')
        self._open.add(scan)
        texts = [str(w.message) for w in caught if w.category is UserWarning]
        return scan, texts[:3]

    def stop(self) -> None:
        """Do no more jobs than the present one."""
        self._thread.shutdown(wait=False, cancel_futures=True)
