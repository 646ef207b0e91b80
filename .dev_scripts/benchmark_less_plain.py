"""LESS formulated as its released code does it, with the weights of our
model: everything per expression and per point, nothing folded or reused.
"""
from __future__ import annotations
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import spconv.pytorch as spconv
import spconv.pytorch.ops as ops
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, normalize


@contextmanager
def original_spconv() -> Iterator[None]:
    """Use spconv's own CPU convolutions, right on one thread only."""
    with mock.patch.multiple(
            ops,
            indice_conv=ops.indice_conv.__wrapped__,
            indice_conv_backward=ops.indice_conv_backward.__wrapped__,
            # asked for before the device is looked at
            get_current_stream=lambda: 0):
        yield


def voxelize(points: Tensor, voxel_size: float) -> tuple[Tensor, ...]:
    """Means (M, C), integer coordinates (M, 3) and voxel of every point (N,);
    the voxels in the order of their first points."""
    scaled = points[:, :3] * (1 / voxel_size)  # rounds as the model does
    coordinates = (scaled - scaled.amin(0)).int()
    coordinates, voxel = torch.unique(coordinates, dim=0, return_inverse=True)
    first = torch.full((len(coordinates), ), len(points))
    first.scatter_reduce_(0, voxel, torch.arange(len(points)), 'amin')
    order = first.argsort()
    voxel = order.argsort()[voxel]
    means = points.new_zeros(len(order), points.shape[1])
    means.index_add_(0, voxel, points)
    return (means / voxel.bincount().unsqueeze(1), coordinates[order], voxel)


def segment(model: nn.Module, points: Tensor,
            text: str) -> tuple[Tensor, Tensor]:
    """Mask logits (N,) and features (N, C) of all points of one scene."""
    features_of_text = model.text_encoder([text])
    means, coordinates, voxel = voxelize(points,
                                         model.data_preprocessor.voxel_size)
    unet = model.backbone
    stride = 2**(unet.num_levels - 1)
    shape = [
        max(128, -(-(side + 1) // stride) * stride)
        for side in coordinates.amax(0).tolist()
    ]
    indices = nn.functional.pad(coordinates, (1, 0))
    x = unet.input_conv(spconv.SparseConvTensor(means, indices, shape, 1))
    x = unet.output_layer(unet_level(unet.unet, x, features_of_text.words[0]))
    features = x.features[voxel]
    queries, masks = query_masks(model.decoder, features)
    sentence = model.aggregator.sentence(features_of_text.sentence[0])
    return (queries @ sentence).softmax(0) @ masks, features


def unet_level(level: nn.Module, x: spconv.SparseConvTensor,
               words: Tensor) -> spconv.SparseConvTensor:
    """One level of the U-Net and all below it, for words (L, C_text)."""
    fusion = level.fusion
    keys = fusion.words(words)
    attended = fusion.attn(x.features, keys, keys)[0]
    gate = fusion.mlp(fusion.norm(attended)).tanh()
    x = level.blocks(x.replace_feature(x.features + gate))
    if level.u is None:
        return x
    up = level.deconv(unet_level(level.u, level.conv(x), words))
    skip = up.replace_feature(torch.cat([x.features, up.features], 1))
    return level.blocks_tail(skip)


def query_masks(decoder: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    """Queries (K, D) and mask logits (K, N) from features (N, C)."""
    points = decoder.input_norm(decoder.input_proj(features)).relu()
    mask_features = decoder.mask_out(decoder.mask_hidden(features))
    queries = decoder.out_norm(decoder.query.weight)
    masks = queries @ mask_features.t()
    for layer in decoder.layers:
        blocked = masks.detach().sigmoid() < 0.5
        blocked[blocked.all(1)] = False
        attended = layer.cross_attn(
            queries, points, points, attn_mask=blocked)[0]
        queries = layer.cross_norm(attended + queries)
        mixed = layer.self_attn(queries, queries, queries)[0]
        queries = layer.self_norm(mixed + queries)
        queries = layer.ffn_norm(layer.ffn(queries) + queries)
        queries = decoder.out_norm(queries)
        masks = queries @ mask_features.t()
    return queries, masks


def losses(logits: Tensor, features: Tensor, mask: Tensor) -> Tensor:
    """Sum of the three losses with the weights of the paper."""
    probability, target = logits.sigmoid(), mask.float()
    seg = binary_cross_entropy(probability, target, 1 + 19 * target)
    return seg + probability.mean() + 0.05 * contrast(features, mask)


def contrast(features: Tensor,
             mask: Tensor,
             temperature: float = 0.05) -> Tensor:
    """Point-to-point contrastive loss over all pairs at once."""
    features = normalize(features, dim=1)
    positive, negative = features[mask], features[~mask]
    attract = (positive @ positive.mean(0) / temperature).exp()
    repel = (positive @ negative.t() / temperature).exp().sum(1)
    return -(attract / (attract + repel)).mean().log()
