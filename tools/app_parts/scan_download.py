"""Files of a scan and a mask, as the page of scans sends them."""
from __future__ import annotations
import tempfile
from pathlib import Path

import numpy as np

from mmlangseg.less.apis import OpenScan
from mmlangseg.less.visualization import write_glb, write_ply
from mmlangseg.less.visualization.point_colors import highlight


def marked_scan(scan: OpenScan, mask: np.ndarray, text: str,
                kind: str) -> bytes:
    """The file that tools/infer.py writes of a result.

    Args:
        scan: With its points in the frame of its file.
        mask: Of the points, bool (N,).
        text: The sentence.
        kind: ``'ply'`` or ``'glb'``.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f'scan.{kind}'
        xyz, rgb = scan.points[:, :3], scan.points[:, 3:]
        if kind == 'ply':
            write_ply(path, xyz, rgb, mask, text)
        else:  # in meters around zero, as GLB has float32 only
            write_glb(path, scan.xyz, highlight(rgb, mask))
        return path.read_bytes()
