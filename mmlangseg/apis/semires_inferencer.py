"""SemiRES and LAVT on own images: sentences in, masks out."""
from __future__ import annotations
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate

from mmlangseg.fileio import write_json
from mmlangseg.visualization import draw_overlay, read_image, write_png
from .model import load_model, test_dataset


@dataclass
class ImageResult:
    """The pixels that a sentence refers to.

    Attributes:
        text: The sentence as given.
        mask: bool (H, W), at the size of the image.
        score: Mean probability of the mask's pixels, 0 to 1.
        box: x, y, width, height in pixels; None if nothing was found.
    """

    text: str
    mask: np.ndarray
    score: float
    box: Optional[list[int]]


class SemiRESInferencer:
    """Finds in an image what sentences refer to.

    The image goes through the test pipeline of the config; the logits are
    resized to the size of the image.

    Args:
        config: The config that the checkpoint was trained with, or its path.
        checkpoint: File of the trained weights, or a URL. None keeps the
            initial weights, for trying things out.
        device: Such as ``cuda:0`` or ``cpu``. Defaults to a GPU if there is
            one.

    Raises:
        ValueError: The checkpoint is of another model.

    Example:
        >>> inferencer = SemiRESInferencer(
        ...     'configs/semires_toy_iom_5pct.py', 'best.pth')
        >>> result, = inferencer('kitchen.jpg', 'the red cup on the left')
        >>> result.mask, result.score, result.box
    """

    def __init__(self,
                 config: str | os.PathLike | Config,
                 checkpoint: Optional[str],
                 device: Optional[str] = None) -> None:
        self.model, config = load_model(config, checkpoint, device)
        self.pipeline = Compose([
            transform for transform in test_dataset(config).pipeline
            if transform['type'] != 'LoadReferringMask'
        ])

    def __call__(
            self,
            image: str | os.PathLike,
            texts: str | Sequence[str],
            out_dir: Optional[str | os.PathLike] = None) -> list[ImageResult]:
        """Find what each sentence refers to.

        Args:
            image: File of the image.
            texts: One or several sentences.
            out_dir: Folder for pictures and files, see
                :func:`write_image_results`.

        Returns:
            list[ImageResult]: One per sentence.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts:
            raise ValueError('texts is empty: give at least one sentence')
        for i, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f'Sentence {i + 1} is empty: {text!r}')
        pixels = read_image(str(image))  # a clear error if there is none
        results = [self._find(str(image), pixels.shape[:2], t) for t in texts]
        if out_dir is not None:
            write_image_results(out_dir, Path(image).stem, pixels, results)
        return results

    @torch.no_grad()
    def _find(self, path: str, size: tuple[int, int],
              text: str) -> ImageResult:
        packed = self.pipeline(
            dict(
                img_path=path,
                img_id=0,
                text=text,
                height=size[0],
                width=size[1],
                seg_fields=[],
                reduce_zero_label=False))
        sample, = self.model.test_step(pseudo_collate([packed]))
        logits = F.interpolate(
            sample.seg_logits.data[None].float(),
            size,
            mode='bilinear',
            align_corners=False)
        prob = logits.softmax(1)[0, 1].cpu().numpy()
        mask = prob > 0.5
        score, box = 0., None
        if mask.any():
            score = float(prob[mask].mean())
            rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(
                mask.any(0))[0]
            box = [
                int(columns[0]),
                int(rows[0]),
                int(columns[-1] - columns[0] + 1),
                int(rows[-1] - rows[0] + 1)
            ]
        return ImageResult(text, mask, score, box)


def write_image_results(out_dir: str | os.PathLike, name: str,
                        image: np.ndarray,
                        results: Sequence[ImageResult]) -> None:
    """Write results as files that start with ``name``.

    Per sentence ``<name>_<i>.png``, the object over the image, and
    ``<name>_<i>_mask.png``, 255 inside the object; for all of them
    ``<name>.json`` with scores and boxes.

    Args:
        out_dir: The folder, made if missing.
        name: Of the image.
        image: uint8 RGB (H, W, 3).
        results: One per sentence.
    """
    out_dir, rows = Path(out_dir), []
    for i, result in enumerate(results):
        overlay, mask = f'{name}_{i}.png', f'{name}_{i}_mask.png'
        found = result.box is not None
        note = f'score {result.score:.2f}' if found else 'nothing found'
        write_png(out_dir / overlay,
                  draw_overlay(image, result.text, result.mask, note=note))
        write_png(out_dir / mask,
                  np.repeat(result.mask[..., None], 3, 2).astype('u1') * 255)
        rows.append(
            dict(
                text=result.text,
                score=result.score,
                n_pixels=int(result.mask.sum()),
                box=result.box,
                overlay=overlay,
                mask=mask))
    write_json(out_dir / f'{name}.json',
               dict(image=name, size=list(image.shape[:2]), results=rows))
