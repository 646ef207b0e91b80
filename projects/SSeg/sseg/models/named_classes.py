from __future__ import annotations
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from mmengine.config import ConfigDict
from mmseg.models import BaseSegmentor, EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor

from mmlangseg.text import unknown_words
from ..vocabulary.build_vocabulary import build_vocabulary
from ..vocabulary.unknown_classes import (describe_unknown_classes,
                                          unknown_class_words)
from ..vocabulary.vocabulary import Vocabulary
from .prediction import check_background_rule, take_best_labels


class NamedClassSegmentor(BaseSegmentor):
    """What segmentors whose classes are given by name have in common.

    The results are probabilities, so that they can be averaged over crops and
    thresholded.

    Args:
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        vocabulary (dict | str | Sequence[str], optional): See
            :func:`build_vocabulary`. Can be set later, by
            :meth:`set_vocabulary`.
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
                 vocabulary: dict | str | Sequence[str] | None = None,
                 background_rule: str = 'constant',
                 background_threshold: float = 0.5,
                 keep_probabilities: bool = True,
                 test_cfg: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        check_background_rule(background_rule)
        self.background_rule = background_rule
        self.background_threshold = background_threshold
        self.keep_probabilities = keep_probabilities
        self.test_cfg = ConfigDict(mode='whole')
        self.test_cfg.update(test_cfg or {})
        self.register_buffer('_embeddings', None, persistent=False)
        self.vocabulary: Vocabulary | None = None
        self._templates: str | Sequence[str] = 'simple'
        self._synonyms = 'mean'
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)
            chosen = self._required_vocabulary()
            self._templates = chosen.templates
            self._synonyms = chosen.synonyms

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
            self.forget_embeddings()
        self.vocabulary = new

    def forget_embeddings(self) -> None:
        """Embed the names anew when they are needed next."""
        self._embeddings = None

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
        if self.vocabulary is None:
            return ''
        return describe_unknown_classes(self.vocabulary,
                                        self.unknown_class_words())

    def train(self, mode: bool = True) -> NamedClassSegmentor:
        """Switch the mode. The weights may have changed since the last time,
        so the classes are embedded again."""
        self.forget_embeddings()
        return super().train(mode)

    def _load_from_state_dict(self, *args) -> None:
        self.forget_embeddings()
        super()._load_from_state_dict(*args)

    # --- prediction -------------------------------------------------------

    @abstractmethod
    def encode_decode(self, inputs: Tensor,
                      batch_img_metas: Sequence[dict]) -> Tensor:
        """Probabilities of the labels: (B, C, H, W), float32.

        With a background it is the first channel, by ``background_rule``.
        """

    def probability_parts(self, inputs: Tensor,
                          metas: Sequence[dict]) -> Iterator[Tensor]:
        """Yield the same some labels at a time, (B, c, H, W), where all of
        them would not fit into memory."""
        yield self.inference(inputs, metas)

    def predict(self,
                inputs: Tensor,
                data_samples: list[SegDataSample] | None = None
                ) -> list[SegDataSample]:
        """Segment images and put the results into their data samples.

        Returns:
            list[SegDataSample]: The given samples with ``pred_sem_seg.data``
            (1, H, W) int64, ``seg_confidence.data`` (1, H, W), its
            probability, and, with ``keep_probabilities``, ``seg_logits.data``
            (C, H, W), all probabilities; at the size ``ori_shape``; and the
            metainfo ``label_names``, the names of the classes by label.
        """
        if data_samples is None:
            metas = [dict(ori_shape=inputs.shape[-2:])] * len(inputs)
        else:
            metas = [sample.metainfo for sample in data_samples]
        if self.keep_probabilities:
            parts: Iterable[Tensor] = [self.inference(inputs, metas)]
        else:
            parts = self.probability_parts(inputs, metas)
        results = take_best_labels(parts,
                                   super().postprocess_result, data_samples,
                                   self.keep_probabilities)
        for result in results:
            result.set_metainfo(
                dict(label_names=self._required_vocabulary().labels))
        return results

    def postprocess_result(
        self,
        seg_logits: Tensor,
        data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Take the best label of each pixel at the original size; see
        :meth:`predict`."""
        return take_best_labels([seg_logits],
                                super().postprocess_result, data_samples,
                                self.keep_probabilities)
