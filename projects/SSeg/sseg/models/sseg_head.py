"""MaskFormer's head without a class branch."""
from __future__ import annotations
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmdet.models.layers import DetrTransformerDecoder, SinePositionalEncoding
from mmengine.model import BaseModule, caffe2_xavier_init
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class MaskPredictions:
    """Masks of an image batch and what is known of each mask.

    Attributes:
        mask_logits (list[Tensor]): Of L decoder layers, the last one last,
            and of the learned queries in front of them if there are such;
            each (B, N, h, w) at the stride of the finest features.
        query_features (Tensor): Of the last decoder layer, (B, N, C).
    """

    mask_logits: list[Tensor]
    query_features: Tensor


@MODELS.register_module()
class SSegHead(BaseModule):
    """Queries that become masks and mask features (S-Seg, Sec. 3).

    MaskFormer (NeurIPS 2021) on the layers of MMDetection. Its class branch
    is left out, and the query features come out as they are: their classes
    are found by language.

    Args:
        in_channels (Sequence[int]): Channels of the features, from the finest
            to the deepest level.
        feat_channels (int): Channels C of the queries and inside the pixel
            decoder; a multiple of ``num_heads`` and of 4.
        out_channels (int): Channels of the product of mask embeddings and
            pixel features.
        num_queries (int): Number N of masks.
        num_layers (int): Transformer decoder layers L, at least 1.
        num_heads (int): Attention heads.
        feedforward_channels (int): Hidden channels of the feed-forward parts.
        dropout (float): Of attention weights and of all residual branches.
        masked_attention (bool): Whether a query attends only to where its
            mask of the layer before is, as in Mask2Former (CVPR 2022). There
            are then learned queries in front of the first layer, and masks
            of theirs in front of those of the L layers. By default queries
            attend everywhere, as in MaskFormer.
        pixel_decoder (dict): Config of a pixel decoder that is called as
            ``mmdet.PixelDecoder`` and ``mmdet.TransformerEncoderPixelDecoder``
            are; the three numbers of channels are added.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        feat_channels: int = 256,
        out_channels: int = 256,
        num_queries: int = 64,
        num_layers: int = 6,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        dropout: float = 0.1,
        masked_attention: bool = False,
        pixel_decoder: dict = dict(
            type='mmdet.PixelDecoder',
            norm_cfg=dict(type='GN', num_groups=32),
            act_cfg=dict(type='ReLU')),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if feat_channels % 4 or feat_channels % num_heads:
            raise ValueError(
                f'feat_channels={feat_channels} must be a multiple of 4 (sine '
                f'positions) and of num_heads={num_heads}')
        self.feat_channels = feat_channels
        self.pixel_decoder = MODELS.build(
            dict(
                in_channels=list(in_channels),
                feat_channels=feat_channels,
                out_channels=out_channels,
                **pixel_decoder))
        # A pixel decoder with a Transformer hands on what that has encoded.
        memory_channels = getattr(self.pixel_decoder, 'encoder_embed_dims',
                                  in_channels[-1])
        self.decoder_input_proj = nn.Conv2d(memory_channels, feat_channels, 1)
        self.decoder_pe = SinePositionalEncoding(
            feat_channels // 2, normalize=True)

        def attention() -> dict:
            return dict(
                embed_dims=feat_channels,
                num_heads=num_heads,
                attn_drop=dropout,
                dropout_layer=dict(type='Dropout', drop_prob=dropout),
                batch_first=True)

        self.transformer_decoder = DetrTransformerDecoder(
            num_layers=num_layers,
            layer_cfg=dict(
                self_attn_cfg=attention(),
                cross_attn_cfg=attention(),
                ffn_cfg=dict(
                    embed_dims=feat_channels,
                    feedforward_channels=feedforward_channels,
                    ffn_drop=dropout)))
        self.query_embed = nn.Embedding(num_queries, feat_channels)
        self.query_feat = nn.Embedding(
            num_queries, feat_channels) if masked_attention else None
        self.num_heads = num_heads
        self.mask_embed = nn.Sequential(
            nn.Linear(feat_channels, feat_channels), nn.ReLU(inplace=True),
            nn.Linear(feat_channels, feat_channels), nn.ReLU(inplace=True),
            nn.Linear(feat_channels, out_channels))

    def init_weights(self) -> None:
        """As MaskFormer; the pixel decoder has its own rule."""
        caffe2_xavier_init(self.decoder_input_proj, bias=0)
        for parameter in self.transformer_decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        super().init_weights()

    def forward(self,
                feats: Sequence[Tensor],
                all_layers: bool = True) -> MaskPredictions:
        """Predict masks.

        Args:
            feats (Sequence[Tensor]): From the finest to the deepest level,
                each (B, C_i, H_i, W_i); the images fill their batch, there is
                no padding to leave out.
            all_layers (bool): Whether there are mask logits of all decoder
                layers, which deep supervision needs, or of the last one only.

        Returns:
            MaskPredictions: See there; (h, w) is (H_0, W_0).
        """
        batch, _, *size = feats[-1].shape
        whole = dict(batch_input_shape=size, img_shape=size)
        mask_features, memory = self.pixel_decoder(feats, [whole] * batch)
        memory = self.decoder_input_proj(memory).flatten(2).transpose(1, 2)
        padding = memory.new_zeros((batch, *size), dtype=torch.bool)
        positions = self.decoder_pe(padding).flatten(2).transpose(1, 2)
        query_pos = self.query_embed.weight.expand(batch, -1, -1)
        attention = dict(
            key=memory, value=memory, query_pos=query_pos, key_pos=positions)
        if self.query_feat is not None:
            return self._attend_in_masks(mask_features, size, attention)
        queries = self.transformer_decoder(
            query=torch.zeros_like(query_pos),
            key_padding_mask=None,
            **attention)  # (L, B, N, C)
        used = queries if all_layers else queries[-1:]
        return MaskPredictions(
            mask_logits=[self._masks(q, mask_features) for q in used],
            query_features=queries[-1])

    def _masks(self, queries: Tensor, mask_features: Tensor) -> Tensor:
        """Mask logits (B, N, h, w) of normalized queries (B, N, C)."""
        return torch.einsum('bnc,bchw->bnhw', self.mask_embed(queries),
                            mask_features)

    def _attend_in_masks(self, mask_features: Tensor, size: Sequence[int],
                         attention: dict) -> MaskPredictions:
        """The decoder with attention in masks of the memory's ``size``."""
        decoder = self.transformer_decoder
        queries = self.query_feat.weight.expand_as(attention['query_pos'])
        normed = decoder.post_norm(queries)
        mask_logits = [self._masks(normed, mask_features)]
        for layer in decoder.layers:
            queries = layer(
                queries,
                cross_attn_mask=self._outside(mask_logits[-1], size),
                **attention)
            normed = decoder.post_norm(queries)
            mask_logits.append(self._masks(normed, mask_features))
        return MaskPredictions(mask_logits, normed)

    @torch.no_grad()
    def _outside(self, mask_logits: Tensor, size: Sequence[int]) -> Tensor:
        """Where queries must not attend to, bool (B * heads, N, h' * w')."""
        inside = F.adaptive_avg_pool2d(mask_logits.sigmoid(), size)
        outside = inside.flatten(2) < 0.5
        # A query whose mask is empty attends to everything.
        outside &= ~outside.all(dim=-1, keepdim=True)
        return outside.repeat_interleave(self.num_heads, dim=0)
