from __future__ import annotations
from abc import abstractmethod
from typing import Sequence

import torch
from mmengine.config import ConfigDict
from mmseg.models import BaseSegmentor, EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmlangseg.engine import watch_pretrained
from mmlangseg.text import unknown_words
from ..engine.checkpoint_parts import require_own_parts
from ..vocabulary.build_vocabulary import build_vocabulary
from ..vocabulary.class_embeddings import embed_classes
from ..vocabulary.unknown_classes import (describe_unknown_classes,
                                          unknown_class_words)
from ..vocabulary.vocabulary import Vocabulary
from .batch import batch_captions, batch_prompts
from .prediction import (COMBINATIONS, add_background, check_background_rule,
                         check_similarity, classify_regions, combine_resized,
                         take_best_labels)

_INITIAL_SCALE = 1 / 0.07  # of a model without the contrastive loss


def build_optional(config: dict | None) -> nn.Module | None:
    """Build a part that may be absent."""
    return None if config is None else MODELS.build(config)


class OpenVocabularySegmentor(BaseSegmentor):
    """What segmentors with classes given by name have in common.

    A subclass divides an image into regions with a feature each
    (:meth:`regions`); here they are compared with the names of the classes,
    and combined into one map (Sec. 3.5). The results are probabilities, so
    that they can be averaged over crops and thresholded.

    Args:
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        backbone (dict): Config of the image's encoder.
        text_encoder (dict): Config of a text encoder.
        visual_projection (dict): Config of :class:`ProjectionMLP`.
        text_projection (dict): Config of :class:`ProjectionMLP`;
            ``in_channels`` is added.
        contrastive_loss (dict, optional): Config of
            :class:`ImageTextContrastiveLoss`.
            None trains without captions.
        multi_label_loss (dict, optional): Config of
            :class:`MultiLabelContrastiveLoss`.
        vocabulary (dict | str | Sequence[str], optional): See
            :func:`build_vocabulary`. Can be set later, by
            :meth:`set_vocabulary`.
        similarity (str): See :func:`classify_regions`.
        combination (str): See :func:`combine`.
        upsample (str): See :func:`combine_resized`.
        background_rule (str): See :func:`add_background`; for vocabularies
            with background.
        background_threshold (float): See :func:`add_background`.
        keep_probabilities (bool): Whether results keep the probability of
            every class at the size of the image, as ``seg_logits``. Without
            it a thousand classes take much less memory.
        test_cfg (dict, optional): mmseg's: ``mode='whole'``, or
            ``mode='slide'`` with ``crop_size`` and ``stride``.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    align_corners = False

    # of mmseg, which take crops, call `encode_decode` and average
    inference = EncoderDecoder.inference
    whole_inference = EncoderDecoder.whole_inference
    slide_inference = EncoderDecoder.slide_inference

    def __init__(self,
                 data_preprocessor: dict,
                 backbone: dict,
                 text_encoder: dict,
                 visual_projection: dict,
                 text_projection: dict,
                 contrastive_loss: dict | None = None,
                 multi_label_loss: dict | None = None,
                 vocabulary: dict | str | Sequence[str] | None = None,
                 similarity: str = 'cosine',
                 combination: str = 'normalized',
                 upsample: str = 'masks',
                 background_rule: str = 'constant',
                 background_threshold: float = 0.5,
                 keep_probabilities: bool = True,
                 test_cfg: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if combination not in COMBINATIONS:
            raise ValueError(f'combination must be one of {COMBINATIONS}, '
                             f'got {combination!r}')
        check_background_rule(background_rule)
        check_similarity(similarity)
        self.backbone = MODELS.build(backbone)
        self.text_encoder = MODELS.build(text_encoder)
        self.visual_projection = MODELS.build(visual_projection)
        self.text_projection = MODELS.build(
            dict(
                in_channels=self.text_encoder.out_channels, **text_projection))
        self.contrastive_loss = build_optional(contrastive_loss)
        self.multi_label_loss = build_optional(multi_label_loss)
        watch_pretrained(self)
        self.similarity = similarity
        self.combination = combination
        self.upsample = upsample
        self.background_rule = background_rule
        self.background_threshold = background_threshold
        self.keep_probabilities = keep_probabilities
        self.test_cfg = ConfigDict(mode='whole')
        self.test_cfg.update(test_cfg or {})
        self.register_buffer('_embeddings', None, persistent=False)
        self.vocabulary = None
        self._templates, self._synonyms = 'simple', 'mean'
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)
            self._templates = self.vocabulary.templates
            self._synonyms = self.vocabulary.synonyms

    # --- the vocabulary ---------------------------------------------------

    def set_vocabulary(self, classes: Vocabulary | dict | str
                       | Sequence[str]) -> None:
        """Choose the classes that images are divided into from now on.

        Args:
            classes: See :func:`build_vocabulary`. Templates and
                ``synonyms``, where they are not given, are those of the
                config, whatever was chosen in between.
        """
        old = self.vocabulary
        new = build_vocabulary(classes, self._templates, self._synonyms)
        if old is None or old.embedded != new.embedded:
            self._embeddings = None
        self.vocabulary = new

    @property
    def out_channels(self) -> int:
        """Number of classes, background included."""
        return len(self._required_vocabulary().labels)

    def _required_vocabulary(self) -> Vocabulary:
        if self.vocabulary is None:
            raise ValueError(
                f'{type(self).__name__} has no classes: set `vocabulary` in '
                "the model's config, or call `set_vocabulary`")
        return self.vocabulary

    def unknown_class_words(self) -> dict[str, list[str]]:
        """By class, the words in its names that the text encoder does not
        know."""
        if self.vocabulary is None:
            return {}
        return unknown_class_words(self.vocabulary,
                                   lambda text: unknown_words(self, text))

    def describe_unknown_classes(self) -> str:
        """A remark about them, '' if there are none."""
        return describe_unknown_classes(self.vocabulary,
                                        self.unknown_class_words())

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

    def train(self, mode: bool = True) -> OpenVocabularySegmentor:
        """Switch the mode. The weights may have changed since the last time,
        so the classes are embedded again."""
        self._embeddings = None
        return super().train(mode)

    def _load_from_state_dict(self, state_dict: dict, prefix: str,
                              *args) -> None:
        self._embeddings = None
        require_own_parts(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    # --- images and texts in the common space -----------------------------

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Features of images (B, 3, H, W), each (B, C_i, H_i, W_i)."""
        return self.backbone(inputs)

    def embed_texts(self, texts: list[str]) -> Tensor:
        """Features of S sentences, not of unit length: (S, D)."""
        return self.text_projection(self.text_encoder(texts).sentence)

    @property
    def logit_scale(self) -> Tensor | float:
        """What cosines are multiplied with: 1 / temperature."""
        if self.contrastive_loss is None:
            return _INITIAL_SCALE
        return self.contrastive_loss.scale

    def text_losses(self, images: Tensor,
                    data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Compare images with their texts.

        Args:
            images (Tensor): (B, D) projected features of the images.
            data_samples (list[SegDataSample]): Of length B, metainfo ``text``
                and, for the multi-label loss, ``prompts``.

        Returns:
            dict[str, Tensor]: ``loss_contrastive`` and
            ``loss_multi_label``, as configured, and the ``temperature``.
        """
        captions, prompts, losses = [], [], {}
        if self.contrastive_loss is not None:
            captions = batch_captions(data_samples)
        if self.multi_label_loss is not None:
            prompts = batch_prompts(data_samples)
        if not captions and not prompts:
            return losses
        texts = self.embed_texts(captions + sum(prompts, []))
        if captions:
            losses['loss_contrastive'] = self.contrastive_loss(
                images, texts[:len(captions)])
            losses['temperature'] = 1 / self.logit_scale.detach()
        if prompts:
            losses['loss_multi_label'] = self.multi_label_loss(
                images, texts[len(captions):].unflatten(0, (len(prompts), -1)))
        return losses

    # --- prediction -------------------------------------------------------

    @abstractmethod
    def regions(self, inputs: Tensor,
                metas: Sequence[dict]) -> tuple[Tensor, Tensor]:
        """Divide images into regions.

        Args:
            inputs (Tensor): (B, 3, H, W) normalised images.
            metas (Sequence[dict]): Metainfo of the samples, of length B.

        Returns:
            tuple[Tensor, Tensor]: Logits of the masks (B, N, h, w), and
            features of the regions (B, N, D) in the common space.
        """

    def encode_decode(self, inputs: Tensor,
                      batch_img_metas: Sequence[dict]) -> Tensor:
        """Probabilities of the labels: (B, C, H, W), float32.

        With a background it is the first channel, by ``background_rule``.
        """
        masks, features = self.regions(inputs, batch_img_metas)
        names, owners = self.class_embeddings(), None
        if self.vocabulary.synonyms == 'max':
            owners = torch.tensor(
                self.vocabulary.owners(), device=names.device)
        classes = classify_regions(features, names, self.logit_scale,
                                   self.similarity, owners)
        with torch.autocast(inputs.device.type, enabled=False):
            probs = combine_resized(
                classes,
                masks.float(),
                inputs.shape[-2:],
                mode=self.combination,
                upsample=self.upsample)
        if self.vocabulary.background:
            probs = add_background(probs, self.background_rule,
                                   self.background_threshold)
        return probs

    def predict(self,
                inputs: Tensor,
                data_samples: list[SegDataSample] | None = None
                ) -> list[SegDataSample]:
        """Segment images and put the results into their data samples.

        Returns:
            list[SegDataSample]: The given samples with ``pred_sem_seg.data``
            (1, H, W) int64, ``seg_confidence.data`` (1, H, W), its
            probability, and, with ``keep_probabilities``, ``seg_logits.data``
            (C, H, W), all probabilities; at the size ``ori_shape``.
        """
        if data_samples is None:
            metas = [dict(ori_shape=inputs.shape[-2:])] * len(inputs)
        else:
            metas = [sample.metainfo for sample in data_samples]
        probs = self.inference(inputs, metas)
        return self.postprocess_result(probs, data_samples)

    def postprocess_result(
        self,
        seg_logits: Tensor,
        data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Take the best label of each pixel at the original size; see
        :meth:`predict`."""
        return take_best_labels(seg_logits,
                                super().postprocess_result, data_samples,
                                self.keep_probabilities)

    def _forward(self,
                 inputs: Tensor,
                 data_samples: list[SegDataSample] | None = None
                 ) -> tuple[Tensor, Tensor]:
        metas = [s.metainfo for s in data_samples or ()]
        return self.regions(inputs, metas or [{}] * len(inputs))
