"""SemiRES and LAVT on own images: sentences in, masks out."""
from __future__ import annotations
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
from mmengine.config import Config
from mmseg.structures import SegDataSample

from mmlangseg.apis.image_inferencer import ImageInferencer, OpenImage
from mmlangseg.apis.images import image_pipeline
from mmlangseg.apis.inferencer import check_sentences, is_many
from mmlangseg.apis.model import load_model, open_model
from mmlangseg.io.files import write_json
from mmlangseg.text import describe_unknown, unknown_words
from mmlangseg.visualization import draw_overlay, write_png


@dataclass
class ImageResult:
    """The pixels that a sentence refers to.

    Attributes:
        text: The sentence as given.
        mask: bool (H, W), at the size of the image.
        score: Mean probability of the mask's pixels, 0 to 1.
        box: x, y, width, height in pixels; None if nothing was found.
        unknown_words: Those that the text encoder does not know.
    """

    text: str
    mask: np.ndarray
    score: float
    box: list[int] | None
    unknown_words: list[str] = field(default_factory=list)

    @property
    def warning(self) -> str:
        """Why the mask is a guess, '' if it is none."""
        return describe_unknown(self.unknown_words)


class SemiRESInferencer(ImageInferencer):
    """Finds in an image what sentences refer to.

    The image goes through the test pipeline of the config, so that it is
    prepared as in testing; masks have the size of the image.

    Args:
        config: The config, of LAVT or SemiRES, that the checkpoint was
            trained with, its path, or its name in :meth:`list_models`; or a
            model folder, or the name of one on the hub.
        checkpoint: File of the trained weights, or a URL; a model folder has
            its own. None keeps the initial weights, for trying things out.
        device: Such as ``cuda:0`` or ``cpu``. Defaults to a GPU if there is
            one.

    Raises:
        OSError: There is no such config, nor a model on the hub.
        ValueError: The config is not for images, or the checkpoint is of
            another model, or a model folder is damaged.

    Example:
        >>> inferencer = SemiRESInferencer(
        ...     'configs/semires_refcoco_iom_1pct.py', 'epoch_40.pth')
        >>> result, = inferencer('kitchen.jpg', 'the red cup on the left')
        >>> result.mask, result.score, result.box
        >>> for (result, ) in inferencer('photos', 'the red cup'):
        ...     print(result.score)  # a list of results per image
    """

    system = 'semires'

    def __init__(self,
                 config: str | os.PathLike | Config,
                 checkpoint: str | None | EllipsisType = ...,
                 device: str | None = None) -> None:
        config, checkpoint = open_model(
            config, checkpoint, scope='mmseg', takes='sentences')
        if {'text_projection', 'vocabulary'} & set(config.model):
            raise ValueError(
                'the config is one of S-Seg, or of a public model, and takes '
                'names of classes: use SSegInferencer, on the command line '
                '--classes')
        network = config.model.get('segmentor', config.model)
        network.eval_size = 'original'
        self.model = load_model(config, checkpoint, device)
        self.pipeline = image_pipeline(config)

    def __call__(self,
                 image: str | os.PathLike | np.ndarray | Sequence,
                 texts: str | Sequence[str],
                 out_dir: str | os.PathLike | None = None,
                 batch_size: int = 1) -> list:
        """Find what each sentence refers to.

        Args:
            image: File of the image, or uint8 RGB (H, W, 3); or a list of
                them, or a folder.
            texts: One or several sentences.
            out_dir: Folder for pictures and files, see
                :func:`write_image_results`.
            batch_size: How many sentences, each with its image, the model
                gets at a time.

        Returns:
            list[ImageResult]: One per sentence; of several images a list of
            these lists.

        Raises:
            FileNotFoundError: There is no such image.
            ValueError: The image cannot be read, or a sentence is empty.
        """
        run = self.all if is_many(image) else self.one
        return run(image, texts, out_dir=out_dir, batch_size=batch_size)

    def check_query(self, query: Any, **options: Any) -> None:
        """Refuse empty sentences."""
        check_sentences(query)

    def find(self, images: Sequence[OpenImage], query: Any, batch_size: int,
             **options: Any) -> list[list[ImageResult]]:
        """A list of results per image."""
        texts, pairs = check_sentences(query), []
        for image in images:
            for text in texts:
                sample = image.packed['data_samples'].clone()
                sample.set_metainfo(dict(text=text))
                pairs.append(dict(image.packed, data_samples=sample))
        outputs = iter(self.predict(pairs, batch_size))
        return [[self._result(next(outputs), text) for text in texts]
                for _ in images]

    def write(self, out_dir: str | os.PathLike, image: OpenImage,
              result: list[ImageResult]) -> None:
        """Write the files of an image."""
        write_image_results(out_dir, image.name, image.pixels, result)

    def _result(self, output: SegDataSample, text: str) -> ImageResult:
        prob = output.seg_logits.data.float().softmax(0)[1].cpu().numpy()
        mask = output.pred_sem_seg.data[0].cpu().numpy() == 1
        unknown = unknown_words(self.model, text)
        if not mask.any():
            return ImageResult(text, mask, 0., None, unknown)
        return ImageResult(text, mask, float(prob[mask].mean()), _box(mask),
                           unknown)


def _box(mask: np.ndarray) -> list[int]:
    """x, y, width, height of what is True."""
    columns, rows = (np.flatnonzero(mask.any(axis)) for axis in (0, 1))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]


def write_image_results(out_dir: str | os.PathLike, name: str,
                        image: np.ndarray,
                        results: Sequence[ImageResult]) -> None:
    """Write results as files that start with ``name``.

    Per sentence ``<name>_<i>.png``, the object over the image, and
    ``<name>_<i>_mask.png``, 255 inside the object and 0 outside; for all of
    them ``<name>.json`` with scores, boxes and the words that the model does
    not know.

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
        write_png(
            out_dir / overlay,
            draw_overlay(
                image,
                result.text,
                result.mask,
                note=note,
                warning=result.warning))
        write_png(out_dir / mask, result.mask.astype(np.uint8) * 255)
        rows.append(
            dict(
                text=result.text,
                score=result.score,
                n_pixels=int(result.mask.sum()),
                box=result.box,
                unknown_words=result.unknown_words,
                overlay=overlay,
                mask=mask))
    write_json(out_dir / f'{name}.json',
               dict(image=name, size=list(image.shape[:2]), results=rows))
