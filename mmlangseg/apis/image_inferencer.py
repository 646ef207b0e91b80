"""What the inferencers of images share."""
from __future__ import annotations
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate

from mmlangseg.io.images import SUFFIXES
from .images import open_image
from .inferencer import Inferencer, Outcome


class OpenImage(NamedTuple):
    """An image that has been read.

    Attributes:
        name: Of its files, without suffix.
        pixels: uint8 RGB (H, W, 3).
        packed: What the test pipeline makes of it.
    """

    name: str
    pixels: np.ndarray
    packed: dict


class ImageInferencer(Inferencer):
    """Takes images through the test pipeline and in batches to the model.

    Attributes:
        model: In evaluation mode.
        pipeline: See :func:`image_pipeline`.
    """

    unit = 'images'
    suffixes = SUFFIXES
    model: torch.nn.Module
    pipeline: Compose

    def infer_batch(self,
                    sources: Sequence,
                    query: Any,
                    batch_size: int,
                    out_dir: str | os.PathLike | None = None,
                    **options: Any) -> Iterator[Outcome]:
        """Ask the model about some images at the same time."""
        opened: dict[int, OpenImage] = {}
        errors: dict[int, Exception] = {}
        for i, source in enumerate(sources):
            try:
                name, pixels = open_image(source)
                packed = self.pipeline(dict(img=pixels[..., ::-1], text=''))
                opened[i] = OpenImage(name, pixels, packed)  # of BGR
            except (OSError, ValueError) as error:
                errors[i] = error
        found = self.find(
            list(opened.values()), query, batch_size=batch_size, **options)
        results = dict(zip(opened, found))
        for i, source in enumerate(sources):
            if i in results and out_dir is not None:
                self.write(out_dir, opened[i], results[i])
            yield Outcome(source, results.get(i), errors.get(i))

    def find(self, images: Sequence[OpenImage], query: Any, batch_size: int,
             **options: Any) -> list:
        """A result per image."""
        raise NotImplementedError

    def write(self, out_dir: str | os.PathLike, image: OpenImage,
              result: Any) -> None:
        """Write the files of a result."""
        raise NotImplementedError

    @torch.no_grad()
    def predict(self, packed: Sequence[dict], batch_size: int) -> list:
        """Data samples with predictions. Only images of one size are taken
        together, since padding would change what is found."""
        outputs: list = []
        for _, group in groupby(packed, lambda one: one['inputs'].shape):
            alike = list(group)
            for first in range(0, len(alike), batch_size):
                outputs += self.model.test_step(
                    pseudo_collate(alike[first:first + batch_size]))
        return outputs
