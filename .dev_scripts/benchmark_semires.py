"""Benchmarks of SemiRES; see benchmark.py."""
from __future__ import annotations
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from benchmark_report import Comparison, Variant
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from mmlangseg.semires.candidates import CandidateCache, Candidates
from mmlangseg.semires.models import SemiRES
from mmlangseg.semires.refiners import CPI, IOM, Refinement

CONFIG = (
    Path(__file__).resolve().parents[1] / 'configs' / '_base_' / 'models' /
    'semires_toy.py')
SIZE = (480, 480)  # of the training images
TEXT = 'the small red disc left of the ring'


def semires_refine(candidates: int, height: int,
                   width: int) -> list[Comparison]:
    """One pseudo-label refined, from the files of its image on."""
    masks = blobs(candidates, height, width)
    files = MaskFiles(masks, SIZE)
    pseudo = teacher_mask(files.cache.load(0).mask(0))
    sizes = [
        path.stat().st_size for path in (files.released, files.cache.path(0))
    ]
    title = (f'{candidates} candidates {width} x {height} (released file '
             f'{sizes[0] / 1000:.0f} KB, cache entry {sizes[1] / 1000:.1f} '
             f'KB, {sizes[0] / sizes[1]:.1f} times smaller)')

    def compare(name: str, rule: Callable, refiner: Callable) -> Comparison:

        def run_plain() -> list[Tensor]:
            dense = load_released(files.released, SIZE)
            return [rule(dense, torch.from_numpy(pseudo))]

        def run_ours() -> list[Tensor]:
            refined = refiner(pseudo, files.cache.load(0))
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


def semires_step(candidates: int, image_size: int) -> list[Comparison]:
    """A step of mutual learning of the toy model, on large images.

    One labelled and one unlabelled image. Reading the candidates counts as
    refinement, although it is done by the workers of the data loader. A
    larger model takes longer for the step, not for the refinement.
    """
    size = (image_size, image_size)
    files = MaskFiles(blobs(candidates, *size), size)
    pseudo = teacher_mask(files.cache.load(0).mask(0))
    model = build_model(image_size, Path(files.folder.name))
    # Does all the work of a step and leaves the weights as they are, so that
    # the variants stay comparable.
    optimizer = torch.optim.AdamW(model.student.parameters(), lr=0.)
    batch = random_batch(image_size)

    def step(refine: Callable) -> list[Tensor]:
        # the teacher has random weights, a usual mask stands in for its own
        def refined(mask, candidates) -> Refinement:
            return refine()

        setattr(refined, 'uses_candidates',
                False)  # there is no pipeline to load them
        model.refiner = refined
        losses = model(**model.data_preprocessor(batch, True), mode='loss')
        optimizer.zero_grad()
        (losses['sup_loss'] + losses['unsup_loss']).backward()
        optimizer.step()
        return [losses['sup_loss'].detach(), losses['unsup_loss'].detach()]

    def refine_plain() -> Refinement:
        mask = plain_iom(
            load_released(files.released, size), torch.from_numpy(pseudo))
        return Refinement(mask.numpy() > 0, trusted=True)

    def refine(refiner: Callable) -> Refinement:
        return refiner(pseudo, files.cache.load(0))

    def part(run: Callable, *args) -> Callable:

        def without_output() -> None:  # there is nothing to compare
            run(*args)

        return without_output

    plain, ours = 'plain, as released (IOM)', 'ours (IOM)'
    return [
        Comparison(
            f'{candidates} candidates of {image_size} x {image_size}', 'step',
            [
                Variant(plain, lambda: step(refine_plain), 1, True),
                Variant('its refinement', part(refine_plain), 1, True, plain),
                Variant(ours, lambda: step(lambda: refine(IOM()))),
                Variant('our IOM alone', part(refine, IOM()), part_of=ours),
                Variant('our CPI alone', part(refine, CPI()), part_of=ours),
            ], 1e-4)
    ]


def build_model(image_size: int, folder: Path) -> SemiRES:
    """The model of the toy configs for images of another size."""
    init_default_scope('mmseg')
    cfg = Config.fromfile(CONFIG).model
    size = (image_size, image_size)
    cfg.segmentor.data_preprocessor.size = size
    cfg.data_preprocessor.data_preprocessor.size = size
    words = folder / 'words.txt'
    words.write_text('\n'.join(sorted(set(TEXT.split()))))
    cfg.segmentor.text_encoder.vocabulary = str(words)
    return MODELS.build(cfg).train()


def random_batch(image_size: int) -> dict:
    """A labelled image, and two views of an unlabelled one."""
    shape = (image_size, image_size)
    inputs, samples = {}, {}
    for branch in ('sup', 'unsup_teacher', 'unsup_student'):
        inputs[branch] = [torch.randint(256, (3, *shape), dtype=torch.uint8)]
        sample = SegDataSample(metainfo=dict(text=TEXT, img_shape=shape))
        sample.gt_sem_seg = PixelData(data=torch.randint(2, (1, *shape)))
        samples[branch] = [sample]
    return dict(inputs=inputs, data_samples=samples)


class MaskFiles:
    """The masks of one image, in files that exist as long as this does.

    Attributes:
        folder (TemporaryDirectory): Holds the files.
        released (Path): As released, in the size of the masks.
        cache (CandidateCache): Ours at ``size``; the id of the image is 0.
    """

    def __init__(self, masks: list[np.ndarray], size: tuple[int, int]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.released = root / 'released.json'
        self.released.write_text(
            json.dumps([
                dict(counts=start_length(mask), size=mask.shape)
                for mask in masks
            ]))
        self.cache = CandidateCache.create(
            root / 'cache',
            dict(
                dataset='blobs',
                size=size,
                resize='corner',  # as released
                generator=dict(name='benchmark')))
        candidates = Candidates.from_masks(masks)
        self.cache.save(0, candidates.resized(size, 'corner'))


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


def load_released(path: Path, size: tuple[int, int]) -> Tensor:
    """All candidates dense at ``size``, int64 (N, H, W)."""
    masks = []
    for item in json.loads(path.read_text()):
        height, width = item['size']
        flat = np.zeros(height * width, np.uint8)
        for start, length in zip(item['counts'][::2], item['counts'][1::2]):
            flat[start - 1:start - 1 + length] = 1
        masks.append(flat.reshape(width, height).T)
    dense = torch.from_numpy(np.stack(masks))
    return F.interpolate(dense[None], size, mode='nearest')[0].long()


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
