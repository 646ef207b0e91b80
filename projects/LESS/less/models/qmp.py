from __future__ import annotations
import math
from dataclasses import dataclass

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import linear

from mmlangseg.cpu.projected_rows import ProjectedRows


@dataclass
class QueryMasks:
    """What the query mask predictor finds in one scene.

    Attributes:
        queries (Tensor): (E, K, D) refined queries.
        logits (Tensor): (E, K, M) mask logits of every query.
        initial_logits (Tensor): (E, K, M) those of the unrefined queries.
    """

    queries: Tensor
    logits: Tensor
    initial_logits: Tensor


class QMPLayer(BaseModule):
    """Masked cross attention, self attention, feed-forward network.

    Args:
        embed_dims (int): Channels D of a query.
        num_heads (int): Heads of both attentions.
        feedforward_channels (int): Hidden channels of the feed-forward net.
        cross_attn_norm (bool): Normalize after the cross attention. The
            released code computes this normalization and discards it.
    """

    def __init__(self, embed_dims: int, num_heads: int,
                 feedforward_channels: int, cross_attn_norm: bool) -> None:
        super().__init__()
        self.cross_attn = nn.MultiheadAttention(
            embed_dims, num_heads, batch_first=True)
        self.cross_norm = nn.LayerNorm(embed_dims) if cross_attn_norm else \
            nn.Identity()
        self.self_attn = nn.MultiheadAttention(
            embed_dims, num_heads, batch_first=True)
        self.self_norm = nn.LayerNorm(embed_dims)
        self.ffn = nn.Sequential(
            nn.Linear(embed_dims, feedforward_channels), nn.ReLU(),
            nn.Linear(feedforward_channels, embed_dims))
        self.ffn_norm = nn.LayerNorm(embed_dims)
        for parameter in self.cross_attn.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, queries: Tensor, points: ProjectedRows,
                log_counts: Tensor, blocked: Tensor) -> Tensor:
        """Refine queries (E, K, D); see :func:`folded_attention`."""
        attended = folded_attention(self.cross_attn, queries, points,
                                    log_counts, blocked)
        queries = self.cross_norm(queries + attended)
        mixed = self.self_attn(
            queries, queries, queries, need_weights=False)[0]
        queries = self.self_norm(queries + mixed)
        return self.ffn_norm(queries + self.ffn(queries))


def folded_attention(attn: nn.MultiheadAttention, queries: Tensor,
                     points: ProjectedRows, log_counts: Tensor,
                     blocked: Tensor) -> Tensor:
    """Cross attention of few queries over many points.

    Equal to ``attn(queries, points, points)``, but there are tens of queries
    and tens of thousands of voxels: the key projection is applied to the
    queries, and the value projection to the one weighted sum that each query
    takes, so that keys and values are never made.

    Args:
        attn (nn.MultiheadAttention): Its weights are used.
        queries (Tensor): (E, K, D).
        points (ProjectedRows): Of rows (E, M, D), one row per voxel.
        log_counts (Tensor): (M,) logarithm of the points in every voxel: the
            softmax runs over points, and all points of a voxel are equal.
        blocked (Tensor): (E, K, M) bool, what a query must not attend to.

    Returns:
        Tensor: (E, K, D).
    """
    heads, head_dim = attn.num_heads, attn.head_dim
    query_weight, key_weight, value_weight = attn.in_proj_weight.chunk(3)
    query_bias, _, value_bias = attn.in_proj_bias.chunk(3)
    q = linear(queries, query_weight, query_bias) / math.sqrt(head_dim)
    q = q.unflatten(-1, (heads, head_dim)).transpose(1, 2)
    # (E, H, K, D). The bias of the keys shifts all scores of a query alike,
    # so the softmax does not see it.
    q = q @ key_weight.unflatten(0, (heads, head_dim))
    scores = points.products(q.flatten(1, 2)) + log_counts
    scores = scores.unflatten(1, (heads, -1))  # (E, H, K, M)
    scores = scores.masked_fill(blocked.unsqueeze(1), -math.inf)
    pooled = points.weighted_sum(scores.softmax(-1).flatten(1, 2))
    pooled = pooled.unflatten(1, (heads, -1))  # (E, H, K, D)
    value_weight = value_weight.unflatten(0, (heads, head_dim))
    values = pooled @ value_weight.transpose(1, 2)  # (E, H, K, D / H)
    values = values.transpose(1, 2).flatten(2) + value_bias
    return attn.out_proj(values)


@MODELS.register_module()
class QMP(BaseModule):
    """Query mask predictor (Sec. 3.3, Eq. 2-4).

    Learned queries become mask logits over all voxels; each layer lets a
    query attend to the points its previous mask selects.

    Args:
        in_channels (int): Channels C of a voxel.
        embed_dims (int): Channels D of a query.
        num_queries (int): Number K of queries.
        num_layers (int): Number of decoder layers.
        num_heads (int): Attention heads.
        feedforward_channels (int): Hidden channels of the feed-forward net.
        cross_attn_norm (bool): See :class:`QMPLayer`.
    """

    def __init__(self,
                 in_channels: int = 32,
                 embed_dims: int = 256,
                 num_queries: int = 20,
                 num_layers: int = 1,
                 num_heads: int = 1,
                 feedforward_channels: int = 1024,
                 cross_attn_norm: bool = True) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.input_proj = nn.Linear(in_channels, embed_dims)
        self.input_norm = nn.LayerNorm(embed_dims)
        self.query = nn.Embedding(num_queries, embed_dims)
        self.layers = nn.ModuleList([
            QMPLayer(embed_dims, num_heads, feedforward_channels,
                     cross_attn_norm) for _ in range(num_layers)
        ])
        self.out_norm = nn.LayerNorm(embed_dims)
        self.mask_hidden = nn.Sequential(
            nn.Linear(in_channels, embed_dims), nn.ReLU(inplace=True))
        self.mask_out = nn.Linear(embed_dims, embed_dims)

    def forward(self, features: Tensor, counts: Tensor) -> QueryMasks:
        """Predict K masks for every expression of one scene.

        Args:
            features (Tensor): (E, M, C) voxel features.
            counts (Tensor): (M,) points of every voxel.

        Returns:
            QueryMasks: Queries and mask logits, both float32.
        """
        # The signs of the mask logits decide what a query sees: half
        # precision would flip some of them.
        with torch.autocast(features.device.type, enabled=False):
            features = features.to(self.query.weight.dtype)
            points = ProjectedRows(
                features,
                lambda x: self.input_norm(self.input_proj(x)).relu_())
            hidden = ProjectedRows(features, self.mask_hidden)
            log_counts = counts.to(features).log()
            queries = self.out_norm(self.query.weight)
            queries = queries.expand(len(features), -1, -1)
            logits = initial = self._masks(queries, hidden)
            for layer in self.layers:
                blocked = logits.detach() < 0
                # A query whose mask is empty attends to all points.
                blocked &= ~blocked.all(-1, keepdim=True)
                queries = self.out_norm(
                    layer(queries, points, log_counts, blocked))
                logits = self._masks(queries, hidden)
        return QueryMasks(queries, logits, initial)

    def _masks(self, queries: Tensor, hidden: ProjectedRows) -> Tensor:
        """Product of queries (E, K, D) and mask features, the last layer of
        the mask MLP applied to the few queries instead: (E, K, M)."""
        bias = (queries @ self.mask_out.bias).unsqueeze(-1)
        return hidden.products(queries @ self.mask_out.weight) + bias
