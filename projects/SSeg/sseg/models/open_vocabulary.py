from __future__ import annotations

from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmlangseg.engine import watch_pretrained
from ..engine.checkpoint_parts import require_own_parts
from .batch import batch_captions, batch_prompts
from .region_segmentor import RegionSegmentor

_INITIAL_SCALE = 1 / 0.07  # of a model without the contrastive loss


def build_optional(config: dict | None) -> nn.Module | None:
    """Build a part that may be absent."""
    return None if config is None else MODELS.build(config)


class OpenVocabularySegmentor(RegionSegmentor):
    """What segmentors that learn images and texts from captions have in
    common.

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
        others: See :class:`RegionSegmentor`.
    """

    def __init__(self,
                 data_preprocessor: dict,
                 backbone: dict,
                 text_encoder: dict,
                 visual_projection: dict,
                 text_projection: dict,
                 contrastive_loss: dict | None = None,
                 multi_label_loss: dict | None = None,
                 **others) -> None:
        super().__init__(data_preprocessor, **others)
        self.backbone = MODELS.build(backbone)
        self.text_encoder = MODELS.build(text_encoder)
        self.visual_projection = MODELS.build(visual_projection)
        self.text_projection = MODELS.build(
            dict(
                in_channels=self.text_encoder.out_channels, **text_projection))
        self.contrastive_loss = build_optional(contrastive_loss)
        self.multi_label_loss = build_optional(multi_label_loss)
        watch_pretrained(self)

    def _load_from_state_dict(self, state_dict: dict, prefix: str,
                              *args) -> None:
        require_own_parts(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

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
        captions, prompts = [], []
        losses: dict[str, Tensor] = {}
        if self.contrastive_loss is not None:
            captions = batch_captions(data_samples)
        if self.multi_label_loss is not None:
            prompts = batch_prompts(data_samples)
        if not captions and not prompts:
            return losses
        texts = self.embed_texts(captions + sum(prompts, []))
        if self.contrastive_loss is not None and captions:
            losses['loss_contrastive'] = self.contrastive_loss(
                images, texts[:len(captions)])
            losses['temperature'] = 1 / self.logit_scale.detach()
        if self.multi_label_loss is not None and prompts:
            losses['loss_multi_label'] = self.multi_label_loss(
                images, texts[len(captions):].unflatten(0, (len(prompts), -1)))
        return losses
