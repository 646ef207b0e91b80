"""LESS on own scans: sentences in, masks out."""
from __future__ import annotations
import os
from collections.abc import Sequence
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose

from mmlangseg.apis.inferencer import Inferencer, check_sentences, is_many
from mmlangseg.apis.model import load_model, open_model, test_dataset
from ..scans.frame import place_scan
from ..scans.reader import LABELS, READERS, as_points, read_scan
from .open_scan import OpenScan
from .scan_results import write_scan_results


class LESSInferencer(Inferencer):
    """Finds in a scan what sentences refer to.

    Points go through the test pipeline of the config, so that they are
    prepared as in testing. All sentences share one pass of what depends on
    the scan alone. Results are in the coordinates of the scan as given.

    Args:
        config: The config that the checkpoint was trained with, its path, or
            its name in :meth:`list_models`; or a model folder, or the name of
            one on the hub.
        checkpoint: File of the trained weights, or a URL; a model folder has
            its own. None keeps the initial weights, for trying things out.
        device: Such as ``cuda:0`` or ``cpu``. Defaults to a GPU if there is
            one.
        center: Whether to move each scan to where ScanNet's aligned rooms
            and the scans of ``own_scans.py`` are, see :func:`place_scan`.
            False for a model that was trained in a frame of its own, in
            which the scans are given.

    Raises:
        OSError: There is no such config, nor a model on the hub.
        ValueError: The config is not for scans, or the checkpoint is of
            another model, or a model folder is damaged.

    Example:
        >>> inferencer = LESSInferencer(
        ...     'configs/less/toy/less_toy.py', 'epoch_5.pth')
        >>> result, = inferencer('room.ply', 'the brown chair')
        >>> result.point_indices, result.score, result.box
        >>> for (result, ) in inferencer('scans', 'the brown chair'):
        ...     print(result.score)  # a list of results per scan
    """

    system = 'less'
    unit = 'scans'
    suffixes = frozenset(READERS)
    other = LABELS

    def __init__(self,
                 config: str | os.PathLike | Config,
                 checkpoint: str | None | EllipsisType = ...,
                 device: str | None = None,
                 center: bool = True) -> None:
        config, checkpoint = open_model(config, checkpoint, scope='mmdet3d')
        self.model = load_model(config, checkpoint, device)
        dataset = test_dataset(config)
        self.pipeline = Compose(dataset.pipeline)
        self.tokenized = dataset.get('text', 'token') == 'token'
        self.center = center

    def __call__(self,
                 scan: Any,
                 texts: str | Sequence[str],
                 out_dir: str | os.PathLike | None = None,
                 html: bool = False,
                 scale: float = 1.0,
                 align: np.ndarray | None = None) -> list:
        """Find what each sentence refers to.

        Args:
            scan: File that :func:`read_scan` reads, or points, (N, 6) or
                (N, 3): x y z with z up, r g b. Or a list of them, or a
                folder; scans are taken one by one, whose sentences share what
                is computed.
            texts: One or several sentences.
            out_dir: Folder for pictures and files, see
                :func:`write_scan_results`.
            html: Whether to write a 3D viewer there, too.
            scale: Factor from the coordinates of the scan to meters.
            align: (4, 4) rotation and shift in meters that turns the walls
                to x and y, see :func:`read_alignment`.

        Returns:
            list[ScanResult]: One per sentence; of several scans a list of
            these lists.

        Raises:
            ValueError: A sentence is empty, or the scan is not usable.
        """
        if is_many(scan):
            return self.all(
                scan,
                texts,
                out_dir=out_dir,
                html=html,
                scale=scale,
                align=align)
        check_sentences(texts)  # before a scan is read
        opened = self.open(scan, scale, align)
        results = opened.find(texts)
        if out_dir is not None:
            write_scan_results(out_dir, opened.name, opened.points, results,
                               html)
        return results

    def open(self,
             scan: str | os.PathLike | np.ndarray,
             scale: float = 1.0,
             align: np.ndarray | None = None) -> OpenScan:
        """Read a scan, for sentences that come one after the other.

        Args:
            scan: A file or points, as in a call.
            scale: As in a call.
            align: As in a call.

        Raises:
            OSError: The file cannot be read.
            ValueError: The scan is not usable.

        Example:
            >>> opened = inferencer.open('room.ply')
            >>> chair, = opened.find('the brown chair')
            >>> table, = opened.find('the table')  # takes less time
        """
        source: str | os.PathLike
        if isinstance(scan, np.ndarray):
            source, points = 'scan', as_points(scan)
        else:
            source, points = scan, read_scan(scan)
        xyz, _ = place_scan(source, points[:, :3], scale, align, self.center)
        return OpenScan(self.model, self.pipeline, self.tokenized,
                        Path(source).stem, points, xyz)

    def check_query(self, query: Any, **options: Any) -> None:
        """Refuse empty sentences."""
        check_sentences(query)

    def result_names(self, name: str, query: Any, **options: Any) -> list[str]:
        """Those of :func:`write_scan_results`."""
        numbered = [f'{name}_{i}' for i in range(len(check_sentences(query)))]
        viewer = [f'{name}.html'] if options.get('html') else []
        return super().result_names(name, query) + viewer + [
            each + end for each in numbered for end in ('.ply', '.png')
        ]
