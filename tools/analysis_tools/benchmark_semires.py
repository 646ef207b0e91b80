"""Benchmarks of SemiRES; see benchmark.py."""
from __future__ import annotations
import json
import tempfile
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from benchmark_report import Comparison, Variant
from torch import Tensor
from torch.nn import functional as F

from mmlangseg.semires.candidates import CandidateCache, Candidates
from mmlangseg.semires.models import CPI, IOM

SIZE = (480, 480)  # of the training images


def semires_refine(candidates: int, height: int,
                   width: int) -> list[Comparison]:
    """One pseudo-label refined, from the files of its image on."""
    masks = blobs(candidates, height, width)
    # deleted when the comparisons, which hold it, are
    folder = tempfile.TemporaryDirectory()
    released = Path(folder.name) / 'released.json'
    released.write_text(
        json.dumps([
            dict(counts=start_length(mask), size=[height, width])
            for mask in masks
        ]))
    cache = CandidateCache.create(
        Path(folder.name) / 'cache',
        dict(dataset='blobs', size=SIZE, generator=dict(name='benchmark')))
    full = Candidates.from_masks(masks)
    cache.save(0, full.resized(SIZE))
    pseudo = teacher_mask(cache.load(0).mask(0))
    sizes = [released.stat().st_size, cache.path(0).stat().st_size]
    title = (f'{candidates} candidates {width} x {height} (released file '
             f'{sizes[0] / 1000:.0f} KB, cache entry {sizes[1] / 1000:.1f} '
             f'KB, {sizes[0] / sizes[1]:.1f} times smaller)')

    def compare(name: str, rule: Callable, refiner: Callable) -> Comparison:

        def run_plain() -> list[Tensor]:
            return [rule(load_released(released), torch.from_numpy(pseudo))]

        def run_ours(folder=folder) -> list[Tensor]:
            refined = refiner(pseudo, cache.load(0))
            assert refined.matched
            return [torch.from_numpy(refined.mask).float()]

        return Comparison(f'{name}, {title}', 'sample', [
            Variant('plain, as released', run_plain, 1, True),
            Variant('ours', run_ours)
        ], 0.)

    return [
        compare('IOM', plain_iom, IOM()),
        compare('CPI', plain_cpi, CPI()),
    ]


def blobs(number: int, height: int, width: int) -> list[np.ndarray]:
    """Masks with wavy outlines and small holes, bool (H, W)."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    masks = []
    for _ in range(number):
        y, x = rng.uniform(0.1, 0.9, 2) * (height, width)
        radius = rng.uniform(0.12, 0.25) * min(height, width)
        angle = np.arctan2(rows - y, columns - x)
        outline = np.ones_like(angle)
        for wave in range(2, 9):
            outline += rng.normal(
                0, 0.3 / wave) * np.cos(wave * angle + rng.uniform(0, 6.3))
        distance = np.hypot(rows - y, columns - x)
        mask = distance < radius * outline
        for _ in range(3):
            dy, dx = rng.normal(0, radius / 3, 2)
            mask &= np.hypot(rows - y - dy, columns - x - dx) > radius / 15
        masks.append(mask)
    return masks


def teacher_mask(mask: np.ndarray) -> np.ndarray:
    """The mask, with a border that is off by some pixels."""
    return np.roll(mask, (4, 5), (0, 1)) | mask


def start_length(mask: np.ndarray) -> list[int]:
    """Runs as the released files have them."""
    flat = np.r_[0, mask.ravel('F'), 0].astype(np.int8)
    edges = np.flatnonzero(np.diff(flat)).reshape(-1, 2)
    return np.stack([edges[:, 0] + 1, edges[:, 1] - edges[:, 0]],
                    1).ravel().tolist()


def load_released(path: Path) -> Tensor:
    """All candidates dense at the training size, int64 (N, H, W)."""
    masks = []
    for item in json.loads(path.read_text()):
        height, width = item['size']
        flat = np.zeros(height * width, np.uint8)
        for start, length in zip(item['counts'][::2], item['counts'][1::2]):
            flat[start - 1:start - 1 + length] = 1
        masks.append(flat.reshape(width, height).T)
    dense = torch.from_numpy(np.stack(masks))
    return F.interpolate(dense[None], SIZE, mode='nearest')[0].long()


def plain_iom(masks: Tensor, pseudo: Tensor) -> Tensor:
    """The mask with the largest IoU, one after the other."""
    pseudo, best, refined = pseudo.long(), 0.5, pseudo
    for mask in masks:
        inter = (mask * pseudo).sum()
        iou = inter / (mask.sum() + pseudo.sum() - inter)
        if iou > best:
            best, refined = iou, mask
    return refined.float()


def plain_cpi(masks: Tensor, pseudo: Tensor) -> Tensor:
    """The union of the masks that pass, one after the other."""
    pseudo = pseudo.long()
    union = torch.zeros_like(pseudo)
    for mask in masks:
        inter = (mask * pseudo).sum()
        if inter / (pseudo.sum() + 1e-9) > 0.7 or inter / mask.sum() > 0.7:
            union |= mask
    return union.float()
