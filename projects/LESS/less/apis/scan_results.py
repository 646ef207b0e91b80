"""What inference finds in a scan, and the files made of it."""
from __future__ import annotations
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmlangseg.io.files import write_json
from mmlangseg.text import describe_unknown
from mmlangseg.visualization import write_png
from ..visualization import ScanPainter, write_html, write_ply


@dataclass
class ScanResult:
    """The points that a sentence refers to.

    Attributes:
        text: The sentence as given.
        mask: bool (N,), in the order of the scan's points.
        score: Mean probability of the mask's points, 0 to 1.
        box: (2, 3) lowest and highest x, y, z of the object, in the
            coordinates of the scan as given; None if nothing was found.
        logits: float32 (N,), above 0 where the mask is.
        unknown_words: Those that the text encoder does not know.
    """

    text: str
    mask: np.ndarray
    score: float
    box: np.ndarray | None
    logits: np.ndarray
    unknown_words: list[str] = field(default_factory=list)

    @property
    def warning(self) -> str:
        """Why the mask is a guess, '' if it is none."""
        return describe_unknown(self.unknown_words)

    @property
    def point_indices(self) -> np.ndarray:
        """Indices of the object's points, int64 (n_points,)."""
        return np.flatnonzero(self.mask)

    @property
    def n_points(self) -> int:
        """Number of the object's points."""
        return int(self.mask.sum())

    def mask_above(self, probability: float) -> np.ndarray:
        """The mask by another threshold, bool (N,).

        Args:
            probability: Between 0 and 1; 0.5 gives :attr:`mask`.
        """
        if not 0 < probability < 1:
            raise ValueError('probability must be between 0 and 1, got '
                             f'{probability}')
        # of logits, for probabilities near one half are rounded to it
        return self.logits > math.log(probability / (1 - probability))


def write_scan_results(out_dir: str | os.PathLike,
                       name: str,
                       points: np.ndarray,
                       results: Sequence[ScanResult],
                       html: bool = False) -> None:
    """Write results as files that start with ``name``.

    Per sentence ``<name>_<i>.ply``, the scan with the object in red, and
    ``<name>_<i>.png``, three views; for all of them ``<name>.json`` with
    point indices, scores, boxes and the words that the model does not know.

    Args:
        out_dir: The folder, made if missing.
        name: Of the scan.
        points: (N, 6) as :func:`read_scan` returns them.
        results: One per sentence.
        html: Whether to write ``<name>.html``, a 3D viewer, too.
    """
    out_dir = Path(out_dir)
    xyz, rgb = points[:, :3], points[:, 3:]
    painter = ScanPainter(xyz, rgb)
    rows = []
    for i, result in enumerate(results):
        ply, png = f'{name}_{i}.ply', f'{name}_{i}.png'
        write_ply(out_dir / ply, xyz, rgb, result.mask, result.text)
        picture = painter.draw(
            result.text,
            result.mask,
            note=f'{name},  {_note(result)}',
            warning=result.warning)
        write_png(out_dir / png, picture)
        box = None if result.box is None else dict(
            min=result.box[0].tolist(), max=result.box[1].tolist())
        rows.append(
            dict(
                text=result.text,
                score=result.score,
                n_points=result.n_points,
                box=box,
                unknown_words=result.unknown_words,
                ply=ply,
                png=png,
                point_indices=result.point_indices.tolist()))
    if html:
        write_html(out_dir / f'{name}.html', xyz, rgb, [
            dict(
                text=result.text,
                pred=result.mask,
                note=_note(result),
                warning=result.warning) for result in results
        ])
    write_json(out_dir / f'{name}.json',
               dict(scan=name, n_points=len(points), results=rows))


def _note(result: ScanResult) -> str:
    if result.n_points == 0:
        return 'nothing found'
    return f'score {result.score:.2f}'
