from __future__ import annotations
import math

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .ragged import RaggedRows


class WordProjection(nn.Sequential):
    """Projects words to the channels of one U-Net level.

    Linear, ReLU, dropout, linear, as in the released code (the paper only
    says "project the word feature").

    Args:
        in_channels (int): Channels of the text encoder.
        out_channels (int): Channels of the level.
        dropout (float): Dropout between the two layers.
        frozen (bool): Keep the random initialization, as the released code
            does by accident (it holds the layers in a plain dict, so they
            are neither optimized nor saved).
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 dropout: float = 0.15,
                 frozen: bool = False) -> None:
        super().__init__(
            nn.Linear(in_channels, in_channels), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(in_channels, out_channels))
        self.requires_grad_(not frozen)


@MODELS.register_module()
class PWCA(BaseModule):
    """Point-word cross attention (Sec. 3.2, Eq. 1).

    ``V' = tanh(MLP(CrossAttention(V, W))) + V`` with the voxels as queries and
    the words as keys and values, in every level of the encoder.

    A sentence has far fewer words than a scene has voxels, so the query
    projection is applied to the keys and the output projection to the values:
    the same result with one (M, C) x (C, C) product instead of three.

    Args:
        channels (int): Channels C of the level.
        word_channels (int): Channels of the text encoder.
        mask_padding (bool): Exclude padded words from the attention. The
            released code sets them to zero instead, so that its output
            depends on the other sentences of the batch.
        num_tanh (int): How often tanh is applied; the released code does it
            twice, the paper once.
        dropout (float): Dropout of the word projection.
        freeze_words (bool): Keep the word projection random, as released.
    """

    def __init__(self,
                 channels: int,
                 word_channels: int,
                 mask_padding: bool = True,
                 num_tanh: int = 1,
                 dropout: float = 0.15,
                 freeze_words: bool = False) -> None:
        super().__init__()
        self.words = WordProjection(word_channels, channels, dropout,
                                    freeze_words)
        self.attn = nn.MultiheadAttention(channels, 1)
        self.norm = nn.LayerNorm(channels)
        self.mlp = nn.Linear(channels, channels)
        self.mask_padding = mask_padding
        self.num_tanh = num_tanh
        for module in (self.attn, self.mlp):
            for parameter in module.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)

    def forward(self, rows: Tensor, layout: RaggedRows, words: Tensor,
                word_mask: Tensor) -> Tensor:
        """Add what the words say to the voxel features.

        Args:
            rows (Tensor): (R, C) voxel features of all samples.
            layout (RaggedRows): Which rows belong to which of S samples.
            words (Tensor): (S, L, C_text).
            word_mask (Tensor): (S, L) bool, True for real words.

        Returns:
            Tensor: (R, C).
        """
        words = self.words(words)
        if not self.mask_padding:
            words = words * word_mask.unsqueeze(-1)
        keys, key_bias, values = self._fold(words)
        if self.mask_padding:
            key_bias = key_bias.masked_fill(~word_mask, -math.inf)
        key_bias = key_bias.unsqueeze(1)
        blocks = []
        for x, k, b, v in zip(
                layout.split(rows), layout.per_scene(keys),
                layout.per_scene(key_bias), layout.per_scene(values)):
            scores = torch.baddbmm(b.to(x.dtype), x, k.transpose(1, 2))
            blocks.append(scores.softmax(-1).to(v.dtype) @ v)
        gate = self.mlp(self.norm(layout.join(blocks)))
        for _ in range(self.num_tanh):
            gate = gate.tanh()
        return rows + gate

    def _fold(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Keys (S, L, C), key biases (S, L) and values (S, L, C)."""
        attn = self.attn
        query_weight, key_weight, value_weight = attn.in_proj_weight.chunk(3)
        query_bias, key_bias, value_bias = attn.in_proj_bias.chunk(3)
        scale = 1 / math.sqrt(attn.embed_dim)
        keys = nn.functional.linear(words, key_weight, key_bias) * scale
        values = nn.functional.linear(words, value_weight, value_bias)
        return keys @ query_weight, keys @ query_bias, attn.out_proj(values)


@MODELS.register_module()
class PooledWordFusion(BaseModule):
    """Adds the mean projected word to every voxel: the ablation "no PWCA".

    The baseline of the paper's Table 2 ("add W to V_i").

    Args:
        channels (int): Channels C of the level.
        word_channels (int): Channels of the text encoder.
        dropout (float): Dropout of the word projection.
    """

    def __init__(self,
                 channels: int,
                 word_channels: int,
                 dropout: float = 0.15) -> None:
        super().__init__()
        self.words = WordProjection(word_channels, channels, dropout)

    def forward(self, rows: Tensor, layout: RaggedRows, words: Tensor,
                word_mask: Tensor) -> Tensor:
        """As :meth:`PWCA.forward`."""
        mask = word_mask.unsqueeze(-1)
        pooled = (self.words(words) * mask).sum(1) / mask.sum(1).clamp(min=1)
        return layout.join([
            x + p.unsqueeze(1)
            for x, p in zip(layout.split(rows), layout.per_scene(pooled))
        ])
