from __future__ import annotations

import torch
import torch.nn.functional as F
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
        eval_size (str): See :class:`ReferringSegmentor`.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 data_preprocessor: dict,
                 text_encoder: dict,
                 backbone: dict,
                 decode_head: dict,
                 loss: dict,
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

    def extract_feat(self, inputs: Tensor,
                     data_samples: list[SegDataSample]) -> list[Tensor]:
        """Features of images (B, 3, H, W), each read with its sentence.

        Returns:
            list[Tensor]: Of each stage, (B, C_i, H_i, W_i).
        """
        text = self.text_encoder(sentences_of(data_samples))
        return self.backbone(inputs, *text.with_sentence())

    def logits(self, inputs: Tensor,
               data_samples: list[SegDataSample]) -> Tensor:
        """See :meth:`ReferringSegmentor.logits`."""
        logits = self.decode_head(self.extract_feat(inputs, data_samples))
        if logits.dtype != torch.float64:  # of a model in double precision
            logits = logits.float()
        return F.interpolate(
            logits,
            size=inputs.shape[-2:],
            mode='bilinear',
            align_corners=self.align_corners)

    def loss(self, inputs: Tensor,
             data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Compute ``loss_ce`` of images and their target masks."""
        targets = stack_targets(data_samples, inputs.shape[-2:])
        logits = self.logits(inputs, data_samples)
        return dict(loss_ce=self.criterion(logits, targets))
