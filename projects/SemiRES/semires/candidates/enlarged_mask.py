"""SAM's masks at the size of the image."""
from __future__ import annotations
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .rle import encode

_SLACK = 1e-3  # the weights of a mean may be a little less than one in all
_BLOCK = 64  # pixels that are computed together


@dataclass
class EnlargedMask:
    """A mask at the size of the image, without what is far from it.

    Attributes:
        logits (Tensor): Column by column, as masks are coded, (w, h).
        left (int): The first column, in pixels of the image.
        top (int): The first row.
        size (tuple): Height and width of the image.
    """

    logits: Tensor
    left: int
    top: int
    size: tuple[int, int]

    def stability(self, offset: float) -> float:
        """IoU of the masks at cutoffs above and below zero; NaN, which passes
        no threshold, if both are empty."""
        inside, around = ((self.logits > cutoff).sum(dtype=torch.int32)
                          for cutoff in (offset, -offset))
        return float(inside / around)

    def code(self) -> tuple[dict, list[int]]:
        """The foreground, run-length coded, and its box: first and last
        column and row, x0, y0, x1, y1, zeros if there is none."""
        mask = self.logits.cpu().numpy() > 0
        columns, rows = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        box = [0] * 4
        if len(columns):
            box = [
                self.left + int(columns[0]), self.top + int(rows[0]),
                self.left + int(columns[-1]), self.top + int(rows[-1])
            ]
        whole = np.zeros(self.size[::-1], bool)
        width, height = mask.shape
        whole[self.left:self.left + width, self.top:self.top + height] = mask
        return encode(whole.T), box


class MaskEnlarger:
    """Enlarges logits as segment-anything does: four times, then without the
    padding to the size of the image.

    Both steps are linear, so that one product per side does them, and take
    means of neighbors, so that the result can be above a cutoff only near
    logits that are: nothing else is computed.

    Args:
        low: Height and width of the logits.
        inner: Of the resized image within the padded one.
        size: Of the image.
        device: Where the logits are.
    """

    def __init__(self, low: Sequence[int], inner: Sequence[int],
                 size: Sequence[int], device: str | torch.device) -> None:
        self.size = (int(size[0]), int(size[1]))
        self._sides = [
            _Side(*sides, device) for sides in zip(low, inner, size)
        ]

    def __call__(self, logits: Tensor, cutoff: float) -> EnlargedMask | None:
        """The part of a mask that may be above a cutoff.

        Args:
            logits: At low resolution, (h, w).
            cutoff: Not above 0.

        Returns:
            EnlargedMask | None: None if it is nowhere above.
        """
        above = logits > cutoff - _SLACK
        rows, columns = (side.reached(above.any(1 - axis))
                         for axis, side in enumerate(self._sides))
        if not rows or not columns:
            return None
        enlarged = _enlarge(columns, _enlarge(rows, logits).T)
        return EnlargedMask(enlarged, columns[0].start, rows[0].start,
                            self.size)


class _Block:
    """Some pixels of one side, from ``start`` on.

    Args:
        matrix: Their part (out, low) of the matrix that enlarges the side.
        start: The first of them.
    """

    def __init__(self, matrix: Tensor, start: int) -> None:
        used = matrix.any(0).nonzero()
        self.start = start
        self.first, self.last = int(used[0]), int(used[-1])
        self.matrix = matrix[:, self.first:self.last + 1].contiguous()


class _Side:
    """One side of a mask, in blocks, as most of its matrix is zero."""

    def __init__(self, low: int, inner: int, out: int,
                 device: str | torch.device) -> None:
        x = torch.eye(low)[None]
        x = F.interpolate(x, scale_factor=4, mode='linear')[..., :inner]
        matrix = F.interpolate(x, out, mode='linear')[0].T.to(device)
        self._blocks = [
            _Block(part, _BLOCK * i)
            for i, part in enumerate(matrix.split(_BLOCK))
        ]

    def reached(self, above: Tensor) -> list[_Block]:
        """The neighboring blocks that the logits reach which are ``above``
        (low,)."""
        found = above.nonzero()
        if not len(found):
            return []
        first, last = int(found[0]), int(found[-1])
        return [
            block for block in self._blocks
            if block.last >= first and block.first <= last
        ]


def _enlarge(blocks: list[_Block], x: Tensor) -> Tensor:
    """The pixels of the blocks, (out, N), from all logits (low, N)."""
    return torch.cat(
        [block.matrix @ x[block.first:block.last + 1] for block in blocks])
