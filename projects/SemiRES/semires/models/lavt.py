from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from .referring_segmentor import ReferringSegmentor, sentences_of
from .targets import stack_targets


@MODELS.register_module()
class LAVT(ReferringSegmentor):
    """Language-aware vision Transformer for one sentence per image.

    The words are fused with the image inside the backbone (LAVT, CVPR 2022).
    A sentence is all that the text encoder makes of it: its vector, which for
    BERT is the [CLS] token, and its words.

    Args:
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        text_encoder (dict): Config of a text encoder.
        backbone (dict): Config of :class:`MultiModalSwin`;
            ``word_channels`` is added.
        decode_head (dict): Config of :class:`LAVTHead`; ``in_channels`` is
            added.
        loss (dict): Config of :class:`ReferringCrossEntropy`.
        no_target (dict, optional): Config of :class:`NoTargetHead`, for
            sentences that may mean nothing; ``type``, ``in_channels`` and
            ``text_channels`` are added.
        eval_size (str): See :class:`ReferringSegmentor`.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 data_preprocessor: dict,
                 text_encoder: dict,
                 backbone: dict,
                 decode_head: dict,
                 loss: dict,
                 no_target: dict | None = None,
                 eval_size: str = 'resized',
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor, eval_size, init_cfg)
        self.text_encoder = MODELS.build(text_encoder)
        self.backbone = MODELS.build(
            dict(word_channels=self.text_encoder.out_channels, **backbone))
        self.decode_head = MODELS.build(
            dict(in_channels=self.backbone.num_features, **decode_head))
        self.criterion = MODELS.build(loss)
        self.align_corners = self.decode_head.align_corners
        self.no_target = None
        if no_target is not None:
            self.no_target = MODELS.build(
                dict(
                    type='NoTargetHead',
                    in_channels=self.backbone.num_features[-1],
                    text_channels=self.text_encoder.out_channels,
                    **no_target))

    def extract_feat(self, inputs: Tensor,
                     data_samples: list[SegDataSample]) -> list[Tensor]:
        """Features of images (B, 3, H, W), each read with its sentence.

        Returns:
            list[Tensor]: Of each stage, (B, C_i, H_i, W_i).
        """
        return self._read(inputs, data_samples)[0]

    def _read(
            self, inputs: Tensor,
            data_samples: list[SegDataSample]) -> tuple[list[Tensor], Tensor]:
        """Features of images, and the vectors (B, C) of their sentences."""
        text = self.text_encoder(sentences_of(data_samples))
        return self.backbone(inputs, *text.with_sentence()), text.sentence

    def logits(self, inputs: Tensor,
               data_samples: list[SegDataSample]) -> Tensor:
        """See :meth:`ReferringSegmentor.logits`."""
        return self._decode(
            self.extract_feat(inputs, data_samples), inputs.shape[-2:])

    def _decode(self, features: list[Tensor], size: torch.Size) -> Tensor:
        logits = self.decode_head(features)
        if logits.dtype != torch.float64:  # of a model in double precision
            logits = logits.float()
        return F.interpolate(
            logits,
            size=size,
            mode='bilinear',
            align_corners=self.align_corners)

    def loss(self, inputs: Tensor,
             data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Compute the losses of images and their target masks.

        Returns:
            dict[str, Tensor]: ``loss_ce``, and ``loss_no_target`` with that
            head.
        """
        targets = stack_targets(data_samples, inputs.shape[-2:])
        features, sentence = self._read(inputs, data_samples)
        logits = self._decode(features, inputs.shape[-2:])
        losses = dict(loss_ce=self.criterion(logits, targets))
        if self.no_target is not None:
            losses['loss_no_target'] = self.no_target.loss(
                self.no_target(features[-1], sentence), targets)
        return losses

    def predict(self, inputs: Tensor,
                data_samples: list[SegDataSample]) -> list[SegDataSample]:
        """Segment images, see :meth:`ReferringSegmentor.predict`.

        Returns:
            list[SegDataSample]: With the head for it also ``no_target``, the
            probability that nothing is meant, and ``any_sem_seg``, the mask
            without regard to it; ``pred_sem_seg`` is empty from its
            threshold on.
        """
        if self.no_target is None:
            return super().predict(inputs, data_samples)
        features, sentence = self._read(inputs, data_samples)
        samples = self.put_masks(
            self._decode(features, inputs.shape[-2:]), data_samples)
        prob = self.no_target.probability(
            self.no_target(features[-1], sentence))
        for sample, value in zip(samples, prob.tolist()):
            mask = sample.pred_sem_seg.data
            sample.any_sem_seg = PixelData(data=mask)
            sample.set_metainfo(
                dict(
                    no_target=value,
                    says_none=value >= self.no_target.threshold))
            if sample.says_none:
                sample.pred_sem_seg = PixelData(data=torch.zeros_like(mask))
        return samples
