"""Benchmark of mask matching and mask loss of S-Seg; see benchmark.py."""
from __future__ import annotations
from collections.abc import Callable, Sequence

import torch
from benchmark_report import Comparison, Variant
from mmdet.models import MaskFormerHead
from mmdet.registry import MODELS
from mmdet.structures.mask import BitmapMasks
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData
from torch import Tensor
from torch.nn import functional as F

from mmlangseg.sseg.losses import PseudoMaskLoss


def sseg_match(images: int, queries: int, layers: int, clusters: int,
               image_size: int) -> list[Comparison]:
    """Matching, dice and focal loss, and the gradient of the mask logits."""
    label_maps = random_label_maps(images, clusters, image_size)
    logits = random_logits(images, queries, layers, image_size // 4)
    head = maskformer_head(queries, clusters)

    def plain(labels: Tensor) -> Callable:
        return lambda: with_gradients(
            maskformer_losses(head, logits, labels), logits)

    def ours(labels: Tensor, upsample: bool) -> Callable:
        loss = PseudoMaskLoss(upsample=upsample)
        return lambda: with_gradients(loss(logits, labels), logits)

    def uncompared(run: Callable) -> Callable:

        def without_output() -> None:
            run()

        return without_output

    sampled = label_maps[:, ::4, ::4].contiguous()
    what = (f'{images} images {image_size} x {image_size}, {queries} queries, '
            f'{layers} layers, {clusters} clusters, masks at stride 4')
    return [
        Comparison(f'{what}, loss at the size of the images', 'batch', [
            Variant('plain (MMDetection)', plain(label_maps), plain=True),
            Variant('ours, upsample=True', ours(label_maps, True)),
            Variant('ours, upsample=False', uncompared(
                ours(label_maps, False))),
        ], 1e-4),
        Comparison(f'{what}, loss at stride 4', 'batch', [
            Variant('plain (MMDetection)', plain(sampled), plain=True),
            Variant('ours', ours(sampled, False)),
        ], 1e-4),
    ]


def random_label_maps(images: int, clusters: int, size: int) -> Tensor:
    """Blocks of 8 x 8 pixels, as the patches of a ViT, int64 (B, H, W)."""
    blocks = torch.randn(images, clusters, size // 8, size // 8)
    return F.interpolate(blocks, (size, size)).argmax(1)


def random_logits(images: int, queries: int, layers: int,
                  size: int) -> list[Tensor]:
    """Smooth ones, (B, N, h, w) for each layer."""
    return [
        F.interpolate(
            4 * torch.randn(images, queries, 8, 8), (size, size),
            mode='bilinear').requires_grad_() for _ in range(layers)
    ]


def with_gradients(losses: dict[str, Tensor],
                   logits: Sequence[Tensor]) -> list[Tensor]:
    """The sum of the losses, and what it gives to each layer."""
    loss = sum(losses.values())
    return [loss.detach(), *torch.autograd.grad(loss, logits)]


def maskformer_losses(head: MaskFormerHead, logits: Sequence[Tensor],
                      label_maps: Tensor) -> dict[str, Tensor]:
    """From label maps to the mask losses of all layers, as in its head."""
    size = label_maps.shape[-1]
    none = InstanceData(
        labels=torch.zeros(0, dtype=torch.long),
        masks=BitmapMasks([], size, size))
    targets = head.preprocess_gt(
        [none] * len(label_maps),
        [PixelData(sem_seg=labels[None]) for labels in label_maps])
    batch, queries = logits[0].shape[:2]
    scores = torch.zeros(len(logits), batch, queries, head.num_classes + 1)
    losses = head.loss_by_feat(scores, logits, targets, [{}] * batch)
    return {k: v for k, v in losses.items() if 'loss_cls' not in k}


def maskformer_head(queries: int, clusters: int) -> MaskFormerHead:
    """MMDetection's, with S-Seg's costs; its layers are not used."""
    attention = dict(embed_dims=8, num_heads=1)
    cfg = ConfigDict(
        type='MaskFormerHead',
        in_channels=[8, 8],
        feat_channels=8,
        out_channels=8,
        num_things_classes=0,
        num_stuff_classes=clusters,
        num_queries=queries,
        pixel_decoder=dict(
            type='PixelDecoder', norm_cfg=dict(type='GN', num_groups=1)),
        transformer_decoder=dict(
            num_layers=1,
            layer_cfg=dict(
                self_attn_cfg=attention,
                cross_attn_cfg=attention,
                ffn_cfg=dict(embed_dims=8, feedforward_channels=8))),
        positional_encoding=dict(num_feats=4, normalize=True),
        loss_cls=dict(
            type='CrossEntropyLoss', class_weight=[1.] * (clusters + 1)),
        loss_mask=dict(
            type='FocalLoss',
            use_sigmoid=True,
            gamma=2.,
            alpha=0.25,
            loss_weight=20.),
        loss_dice=dict(
            type='DiceLoss', naive_dice=True, eps=1., loss_weight=1.),
        train_cfg=dict(
            assigner=dict(
                type='HungarianAssigner',
                match_costs=[
                    dict(type='FocalLossCost', weight=20., binary_input=True),
                    dict(type='DiceCost', pred_act=True, eps=1.)
                ]),
            sampler=dict(type='MaskPseudoSampler')))
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(cfg)
