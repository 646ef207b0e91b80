"""S-Seg on own images: names of classes in, a label map out."""
from __future__ import annotations
import os
from collections.abc import Sequence
from dataclasses import replace
from types import EllipsisType
from typing import Any

import numpy as np
from mmengine.config import Config

from mmlangseg.apis.image_inferencer import ImageInferencer, OpenImage
from mmlangseg.apis.images import image_pipeline
from mmlangseg.apis.inferencer import is_many
from mmlangseg.apis.model import load_model, open_model
from mmlangseg.apis.probability import require_probability
from mmlangseg.engine.training_parts import drop_training_parts
from .semantic_results import SemanticResult, write_semantic_result


class SSegInferencer(ImageInferencer):
    """Divides images into classes given by name.

    The image goes through the test pipeline of the config, so that it is
    prepared as in testing; the label map has the size of the image. What only
    training needs, such as a pretrained network for pseudo-masks, is not
    built.

    Args:
        config: The config, of S-Seg, that the checkpoint was trained with,
            its path, or its name in :meth:`list_models`; or a model folder,
            or the name of one on the hub.
        checkpoint: File of the trained weights, or a URL; a model folder has
            its own. None keeps the initial weights, for trying things out.
        device: Such as ``cuda:0`` or ``cpu``. Defaults to a GPU if there is
            one.

    Raises:
        OSError: There is no such config, nor a model on the hub.
        ValueError: The config is not of S-Seg or has no test pipeline, or the
            checkpoint is of another model, or a model folder is damaged.

    Example:
        >>> inferencer = SSegInferencer(
        ...     'configs/sseg_swin-s_cc12m.py', 'epoch_30.pth')
        >>> result = inferencer('meadow.jpg', 'cow, grass, sky; clouds')
        >>> result.labels, result.classes[0].name, result.classes[0].share
        >>> results = inferencer(['a.jpg', 'b.jpg'], 'cow, grass')
    """

    system = 'sseg'

    def __init__(self,
                 config: str | os.PathLike | Config,
                 checkpoint: str | None | EllipsisType = ...,
                 device: str | None = None) -> None:
        config, checkpoint = open_model(
            config, checkpoint, scope='mmseg', takes='classes')
        drop_training_parts(config.model)
        self.model = load_model(config, checkpoint, device)
        if not hasattr(self.model, 'set_vocabulary'):
            raise ValueError(
                f'{type(self.model).__name__} of this config does not take '
                'names of classes but sentences: give a config of S-Seg')
        # of all classes at every pixel only the best is wanted
        self.model.keep_probabilities = False
        self._own = (self.model.vocabulary, self.model.background_threshold)
        self.pipeline = image_pipeline(config)

    def __call__(self,
                 image: str | os.PathLike | np.ndarray | Sequence,
                 classes: str | Sequence[str] | dict | None = None,
                 *,
                 threshold: float | None = None,
                 out_dir: str | os.PathLike | None = None,
                 batch_size: int = 1) -> Any:
        """Divide an image into classes.

        Args:
            image: File of the image, or uint8 RGB (H, W, 3); or a list of
                them, or a folder.
            classes: Their names: a list, ``'cat,dog,grass'``, a file with one
                name per line, a benchmark such as ``'voc21'``, or anything
                else that the model's ``set_vocabulary`` takes. Defaults to
                those of the config.
            threshold: What no class has this probability of becomes
                background. By default there is a background, with the
                config's threshold, if the vocabulary has one, which own
                classes do not have.
            out_dir: Folder for pictures and files, see
                :func:`write_semantic_result`.
            batch_size: Images at a time; only those that the test pipeline
                gives one size are taken together.

        Returns:
            SemanticResult: The classes of the image; of several a list.

        Raises:
            FileNotFoundError: There is no such image or file of classes.
            ValueError: The image cannot be read, or there is something wrong
                with the classes or the threshold.
        """
        run = self.all if is_many(image) else self.one
        return run(
            image,
            classes,
            threshold=threshold,
            out_dir=out_dir,
            batch_size=batch_size)

    def check_query(self, query: Any, **options: Any) -> None:
        """Choose classes and threshold for all images."""
        self.choose(query, **options)

    def find(self, images: Sequence[OpenImage], query: Any, batch_size: int,
             **options: Any) -> list[SemanticResult]:
        """A result per image, of the classes that were chosen."""
        outputs = self.predict([image.packed for image in images], batch_size)
        return [
            SemanticResult(
                labels=output.pred_sem_seg.data[0].cpu().numpy(),
                confidence=output.seg_confidence.data[0].cpu().numpy(),
                names=self.model.vocabulary.labels,
                unknown_words=self.model.unknown_class_words(),
                warning=self.model.describe_unknown_classes())
            for output in outputs
        ]

    def write(self, out_dir: str | os.PathLike, image: OpenImage,
              result: SemanticResult) -> None:
        """Write the files of an image."""
        write_semantic_result(out_dir, image.name, image.pixels, result)

    def choose(self,
               classes: str | Sequence[str] | dict | None = None,
               threshold: float | None = None) -> None:
        """Choose classes and threshold as a call does, without an image.

        Raises:
            ValueError: There is something wrong with them.
        """
        model, (own, own_threshold) = self.model, self._own
        if classes is None and own is None:
            raise ValueError('the config names no classes: say which ones')
        if threshold is not None:
            require_probability(threshold, 'threshold')
        model.set_vocabulary(own if classes is None else classes)
        if threshold is not None:
            model.set_vocabulary(replace(model.vocabulary, background=True))
        model.background_threshold = (
            own_threshold if threshold is None else threshold)
