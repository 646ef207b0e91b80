"""A 3D viewer in one HTML file: no server, no library, no network."""
from __future__ import annotations
import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmlangseg.io.files import write_text
from mmlangseg.visualization.colors import GT_COLOR, PRED_COLOR
from .point_colors import highlight

MAX_POINTS = 250000  # keeps the file below about 5 MB


def write_html(path: str | os.PathLike, xyz: np.ndarray, rgb: np.ndarray,
               expressions: Sequence[dict]) -> None:
    """Write a viewer of a scan in which sentences can be chosen.

    Large scans are thinned out.

    Args:
        path: Of the file, written atomically.
        xyz: (N, 3) meters, z up.
        rgb: (N, 3), 0 to 255.
        expressions: Dicts of ``text``, and optional ``pred`` and ``gt``, the
            masks, bool (N,), ``note``, e.g. the score, and ``warning``.
    """
    keep = np.arange(len(xyz))
    if len(xyz) > MAX_POINTS:
        keep = np.random.default_rng(0).permutation(keep)[:MAX_POINTS]
    xyz = np.asarray(xyz, np.float64)[keep]
    low, extent = xyz.min(0), float(np.ptp(xyz, axis=0).max()) or 1.
    places = np.round((xyz - low) / extent * 65535).astype('<u2')
    nothing = np.zeros(len(xyz), bool)
    rows = []
    for expression in expressions:
        row = dict(
            text=expression['text'],
            note=expression.get('note', ''),
            warning=expression.get('warning', ''))
        for key in ('pred', 'gt'):
            mask = expression.get(key)
            if mask is not None:
                bits = np.packbits(
                    np.asarray(mask, bool)[keep], bitorder='little')
                row[key] = _base64(bits)
        rows.append(row)
    data = dict(
        count=len(xyz),
        center=((xyz.max(0) - low) / extent / 2).tolist(),
        xyz=_base64(places),
        rgb=_base64(highlight(np.asarray(rgb)[keep], nothing)),
        pred_color=PRED_COLOR,
        gt_color=GT_COLOR,
        expressions=rows)
    # sentences are foreign text and must not end the script element
    text = json.dumps(data).replace('<', '\\u003c')
    template = Path(__file__).with_name('viewer.html')
    page = template.read_text(encoding='utf-8')
    write_text(path, page.replace('/*DATA*/null', text))


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
