from __future__ import annotations
import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from mmlangseg.cpu.chunks import classes_at_once, slices
from ..vocabulary.class_embeddings import embed_classes
from .named_classes import NamedClassSegmentor
from .prediction import (COMBINATIONS, add_background, check_similarity,
                         classify_regions, combine_resized)
from .windows import sum_windows, windows_of


class RegionSegmentor(NamedClassSegmentor):
    """Segments images by regions that are compared with names of classes.

    A subclass divides an image into regions with a feature each
    (:meth:`regions`) and embeds sentences (:meth:`embed_texts`); here the
    regions get classes, and are combined into one map (Sec. 3.5).

    Args:
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        similarity (str): See :func:`classify_regions`.
        combination (str): See :func:`combine`.
        upsample (str): See :func:`combine_resized`.
        others: See :class:`NamedClassSegmentor`.
    """

    def __init__(self,
                 data_preprocessor: dict,
                 *,
                 similarity: str = 'cosine',
                 combination: str = 'normalized',
                 upsample: str = 'masks',
                 **others) -> None:
        super().__init__(data_preprocessor, **others)
        if combination not in COMBINATIONS:
            raise ValueError(f'combination must be one of {COMBINATIONS}, '
                             f'got {combination!r}')
        check_similarity(similarity)
        self.similarity = similarity
        self.combination = combination
        self.upsample = upsample

    @property
    @abstractmethod
    def logit_scale(self) -> Tensor | float:
        """What cosines are multiplied with: 1 / temperature."""

    @abstractmethod
    def embed_texts(self, texts: list[str]) -> Tensor:
        """Features of S sentences, not of unit length: (S, D)."""

    def class_embeddings(self) -> Tensor:
        """Features of the classes, of unit length: (C, D), or of all names,
        see :func:`embed_classes`.

        Computed once for a vocabulary and the weights of a model in
        evaluation mode.
        """
        if self.training or self._embeddings is None:
            embeddings = embed_classes(self._required_vocabulary(),
                                       self.embed_texts)
            if self.training:
                return embeddings
            self._embeddings = embeddings
        return self._embeddings

    @abstractmethod
    def regions(self, inputs: Tensor,
                metas: Sequence[dict]) -> tuple[Tensor, Tensor]:
        """Divide images into regions.

        Args:
            inputs (Tensor): (B, 3, H, W) normalized images.
            metas (Sequence[dict]): Metainfo of the samples, of length B.

        Returns:
            tuple[Tensor, Tensor]: Logits of the masks (B, N, h, w), and
            features of the regions (B, N, D) in the common space.
        """

    def classified_regions(self, inputs: Tensor,
                           metas: Sequence[dict]) -> tuple[Tensor, Tensor]:
        """Regions with their classes.

        Returns:
            tuple[Tensor, Tensor]: Logits of the masks (B, N, h, w) and
            probabilities of the classes, without background, (B, N, C).
        """
        masks, features = self.regions(inputs, metas)
        return masks.float(), self.classify(features)

    def classify(self, features: Tensor) -> Tensor:
        """Probabilities (B, N, C) of the classes of features (B, N, D)."""
        names, owners = self.class_embeddings(), None
        if self.vocabulary.synonyms == 'max':
            owners = torch.tensor(
                self.vocabulary.owners(), device=names.device)
        return classify_regions(features, names, self.logit_scale,
                                self.similarity, owners)

    def encode_decode(self, inputs: Tensor,
                      batch_img_metas: Sequence[dict]) -> Tensor:
        """See :meth:`NamedClassSegmentor.encode_decode`."""
        probs = self._combine(
            *self.classified_regions(inputs, batch_img_metas),
            inputs.shape[-2:])
        if self.vocabulary.background:
            probs = add_background(probs, self.background_rule,
                                   self.background_threshold)
        return probs

    def _combine(self, masks: Tensor, classes: Tensor,
                 size: tuple[int, int]) -> Tensor:
        with torch.autocast(masks.device.type, enabled=False):
            return combine_resized(
                classes,
                masks,
                size,
                mode=self.combination,
                upsample=self.upsample,
                covered=self.covered_size(masks.shape[-2:], size))

    def covered_size(self, cells: tuple[int, int],
                     size: tuple[int, int]) -> tuple[int, int]:
        """Height and width in pixels that masks of (h, w) cells cover: here
        those of the image, H and W."""
        return size

    def probability_parts(self, inputs: Tensor,
                          metas: Sequence[dict]) -> Iterator[Tensor]:
        """See :meth:`NamedClassSegmentor.probability_parts`.

        Regions and their classes are found once, in every crop. The rule
        'groupvit' has to see all classes at once.
        """
        size = inputs.shape[-2:]
        step = classes_at_once(len(inputs) * math.prod(size))
        background = self._required_vocabulary().background
        if self.out_channels <= step or (background and self.background_rule
                                         != 'constant'):
            yield self.inference(inputs, metas)
            return
        windows = windows_of(size, self.test_cfg)
        found = [
            self.classified_regions(inputs[..., rows, columns], metas)
            for rows, columns in windows
        ]
        if background:
            yield inputs.new_full((len(inputs), 1, *size),
                                  self.background_threshold)
        for part in slices(len(self.vocabulary.classes), step):
            yield sum_windows(
                windows, size,
                (self._combine(
                    masks, classes[..., part],
                    (rows.stop - rows.start, columns.stop - columns.start))
                 for (masks, classes), (rows, columns) in zip(found, windows)))

    def _forward(self,
                 inputs: Tensor,
                 data_samples: list[SegDataSample] | None = None
                 ) -> tuple[Tensor, Tensor]:
        metas = [s.metainfo for s in data_samples or ()]
        return self.regions(inputs, metas or [{}] * len(inputs))
