"""Semantic maps of own images, and the files that they become."""
from __future__ import annotations
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmlangseg.io.files import write_json
from mmlangseg.visualization import write_png
from ..visualization import draw_labels


@dataclass
class ClassResult:
    """What an image has of a class.

    Attributes:
        name: Of the class.
        label: Its number in the label map.
        n_pixels: Number of its pixels.
        share: Their share of the image, 0 to 1.
        score: Their mean probability, 0 to 1.
    """

    name: str
    label: int
    n_pixels: int
    share: float
    score: float


@dataclass
class SemanticResult:
    """The classes of an image.

    Attributes:
        labels: int64 (H, W), at the size of the image.
        confidence: float32 (H, W), probability of the label; of the
            background it is the threshold.
        names: Of the classes, by label.
        unknown_words: By class, the words in its names that the text encoder
            does not know.
        warning: A remark about them and about classes that are the same
            without them, '' if all words are known.
    """

    labels: np.ndarray
    confidence: np.ndarray
    names: tuple[str, ...]
    unknown_words: dict[str, list[str]] = field(default_factory=dict)
    warning: str = ''

    @property
    def classes(self) -> list[ClassResult]:
        """Those that the image has, the largest first."""
        flat = self.labels.ravel()
        areas = np.bincount(flat, minlength=len(self.names))
        sums = np.bincount(flat, self.confidence.ravel(), len(self.names))
        order = np.argsort(-areas, kind='stable')
        return [
            ClassResult(
                name=self.names[i],
                label=i,
                n_pixels=int(areas[i]),
                share=float(areas[i] / flat.size),
                score=float(sums[i] / areas[i])) for i in order.tolist()
            if areas[i]
        ]


def write_semantic_result(out_dir: str | os.PathLike, name: str,
                          image: np.ndarray, result: SemanticResult) -> None:
    """Write a result as files that start with ``name``.

    ``<name>.png``, the classes over the image with a legend;
    ``<name>_labels.png``, the label map, with 16 bits if there are more than
    256 labels; ``<name>.json`` with the names of all labels, the words in
    them that the model does not know, and of those in the image the share of
    the pixels and the mean probability.

    Args:
        out_dir: The folder, made if missing.
        name: Of the image.
        image: uint8 RGB (H, W, 3).
        result: Its classes.
    """
    out_dir = Path(out_dir)
    overlay, label_map = f'{name}.png', f'{name}_labels.png'
    dtype = np.uint8 if len(result.names) <= 256 else np.uint16
    write_png(
        out_dir / overlay,
        draw_labels(
            image, [('', result.labels)], result.names,
            warning=result.warning))
    write_png(out_dir / label_map, result.labels.astype(dtype))
    write_json(
        out_dir / f'{name}.json',
        dict(
            image=name,
            size=list(image.shape[:2]),
            overlay=overlay,
            label_map=label_map,
            labels=list(result.names),
            unknown_words=result.unknown_words,
            warning=result.warning,
            classes=[vars(found) for found in result.classes]))
