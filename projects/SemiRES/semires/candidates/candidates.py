"""The mask candidates of one image."""
from __future__ import annotations
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pycocotools import mask as mask_utils

from mmlangseg.io.coco_codes import check_codes
from . import rle as rle_utils


@dataclass(eq=False)
class Candidates:
    """Class-agnostic masks of one image, run-length coded.

    Attributes:
        size (tuple[int, int]): Height and width of the masks.
        rles (list[dict]): N COCO-compressed masks,
            ``dict(size=[H, W], counts=bytes)``; N may be 0.
        areas (np.ndarray): Pixel counts, int64 (N,).
        boxes (np.ndarray): x, y, width, height in pixels, float32 (N, 4).
        scores (np.ndarray): Quality as the source estimates it, float32 (N,).
        mirrored (bool): Whether they are of the mirrored image.
    """

    size: tuple[int, int]
    rles: list[dict]
    areas: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    mirrored: bool = False

    def __len__(self) -> int:
        return len(self.rles)

    @classmethod
    def from_rles(cls,
                  rles: Sequence[dict],
                  size: Sequence[int],
                  scores: Sequence[float] | None = None) -> Candidates:
        """Make candidates of N COCO-compressed masks.

        Args:
            rles: All of one size; ``counts`` may be text.
            size: Height and width, needed because N may be 0.
            scores: N numbers, zeros by default.

        Raises:
            ValueError: A mask has another size or a code that is not one of
                this size, or there are not N finite scores.
        """
        size = (int(size[0]), int(size[1]))
        for i, rle in enumerate(rles):
            if tuple(rle['size']) != size:
                raise ValueError(f'mask {i} has the size {rle["size"]}, '
                                 f'expected {list(size)}')
        if scores is None:
            scores = np.zeros(len(rles))
        scores = np.asarray(scores, np.float32).reshape(-1)
        if len(scores) != len(rles):
            raise ValueError(f'{len(scores)} scores for {len(rles)} masks')
        if not np.isfinite(scores).all():
            raise ValueError(f'"scores" of mask {np.isfinite(scores).argmin()}'
                             ' is not a finite number')
        coded: list[dict] = [
            dict(size=list(size), counts=_as_bytes(rle['counts']))
            for rle in rles
        ]
        areas, boxes = np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
        if coded:
            # before pycocotools gets them, which trusts its input
            areas = check_codes([rle['counts'] for rle in coded],
                                size[0] * size[1])
            boxes = mask_utils.toBbox(coded).astype(np.float32)
        return cls(size, coded, areas, boxes, scores)

    @classmethod
    def from_masks(cls,
                   masks: Iterable[np.ndarray],
                   size: Sequence[int] | None = None,
                   scores: Sequence[float] | None = None) -> Candidates:
        """Code dense masks, one after the other.

        Args:
            masks: N arrays (H, W), anything but zero is foreground.
            size: Height and width, needed if there may be no mask.
            scores: N numbers, zeros by default.
        """
        rles = [rle_utils.encode(mask) for mask in masks]
        if size is None:
            if not rles:
                raise ValueError('without masks `size` must be given')
            size = rles[0]['size']
        return cls.from_rles(rles, size, scores)

    def mask(self, index: int) -> np.ndarray:
        """Decode one candidate, bool (H, W)."""
        return mask_utils.decode(self.rles[index]).view(bool)

    def union(self, indices: Sequence[int]) -> np.ndarray:
        """Decode the union of some candidates, bool (H, W)."""
        if not len(indices):
            return np.zeros(self.size, bool)
        merged = mask_utils.merge([self.rles[i] for i in indices])
        return np.ascontiguousarray(mask_utils.decode(merged)).view(bool)

    def intersections(self, mask: np.ndarray) -> np.ndarray:
        """Count the pixels that each candidate shares with a mask.

        The counting is done on the runs; no candidate is decoded.

        Args:
            mask: bool (H, W).

        Returns:
            np.ndarray: int64 (N,).
        """
        if mask.shape != self.size:
            raise ValueError(
                f'the mask has the size {list(mask.shape)}, the candidates '
                f'{list(self.size)}; make the candidate cache at the size of '
                'the training images')
        if not len(self):
            return np.zeros(0, np.int64)
        # For a "crowd" pycocotools divides by the area of the candidate.
        share = mask_utils.iou(self.rles, [rle_utils.encode(mask)], [1])[:, 0]
        return np.rint(share * self.areas).astype(np.int64)

    def resized(self, size: Sequence[int], rule: str = 'center') -> Candidates:
        """Resize all masks to ``(H, W)``.

        Args:
            size: Height and width.
            rule: Which pixel is the nearest: ``'center'``, as true masks are
                resized, so that a mask stays equal to its twin among them;
                ``'corner'``, as the released code resizes candidates.
        """
        if tuple(size) == self.size:
            return self
        rles = [rle_utils.resize(rle, size, rule) for rle in self.rles]
        resized = Candidates.from_rles(rles, size, self.scores)
        return replace(resized, mirrored=self.mirrored)

    def flipped(self) -> Candidates:
        """Mirror all masks left to right."""
        masks = (self.mask(i)[:, ::-1] for i in range(len(self)))
        flipped = Candidates.from_masks(masks, self.size, self.scores)
        return replace(flipped, mirrored=not self.mirrored)


def _as_bytes(counts: bytes | str) -> bytes:
    if not isinstance(counts, (bytes, str)):
        raise ValueError(f'"counts" is a {type(counts).__name__}, not a '
                         'compressed code')
    return counts.encode() if isinstance(counts, str) else counts
