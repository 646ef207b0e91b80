"""Pseudo-masks of images: clusters of their features."""
from __future__ import annotations
from collections.abc import Sequence

import torch
from mmengine.config import Config
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from .kmeans import INVALID, batched_kmeans


@MODELS.register_module()
class PseudoMaskGenerator(BaseModule):
    """Cluster the features of every image for itself (section 3.3).

    Nothing is trained and no weight is registered, so that checkpoints of a
    model that has a generator do not hold it.

    Args:
        features: Config of a module that maps (B, 3, H, W) RGB in 0..255 to
            (B, C, h, w): :class:`PixelFeatures` or :class:`DINOFeatures`.
        num_clusters: Masks per image, K in the paper.
        num_restarts: See :func:`batched_kmeans`, as the next two.
        max_iterations: Of K-means.
        tolerance: Of K-means; None makes all iterations.
    """

    def __init__(self,
                 features: dict,
                 num_clusters: int = 8,
                 num_restarts: int = 1,
                 max_iterations: int = 50,
                 tolerance: float | None = 1e-3) -> None:
        super().__init__()
        self.features = MODELS.build(features)
        self.num_clusters = num_clusters
        self.num_restarts = num_restarts
        self.max_iterations = max_iterations
        self.tolerance = tolerance

    def forward(self,
                images: Tensor,
                *,
                seeds: Sequence[int],
                valid: Tensor | None = None) -> Tensor:
        """Make the label maps of a batch at the size of the images.

        Args:
            images: (B, 3, H, W) float, RGB in 0..255.
            seeds: One per image; the map of an image depends on nothing else
                but the image.
            valid: (B, H, W) bool, False where there is no image (padding).
                By default all pixels are valid.

        Returns:
            Tensor: (B, H, W) int64, 0..K-1, and 255 where not valid.
        """
        maps = self.grid(images, seeds=seeds, valid=valid)
        # the grid covers the image, whatever its size
        maps = F.interpolate(
            maps[:, None].to(torch.uint8),
            size=images.shape[2:],
            mode='nearest-exact')[:, 0].long()
        return maps if valid is None else maps.masked_fill(~valid, INVALID)

    @torch.no_grad()
    def grid(self,
             images: Tensor,
             *,
             seeds: Sequence[int],
             valid: Tensor | None = None) -> Tensor:
        """Make the label maps at the size of the features, (B, h, w)."""
        features = self.features(images)
        batch, _, height, width = features.shape
        if valid is not None:
            share = F.adaptive_avg_pool2d(valid[:, None].float(),
                                          (height, width))
            valid = share.flatten(1) >= 0.5
        result = batched_kmeans(
            features.flatten(2).transpose(1, 2),
            self.num_clusters,
            seeds=seeds,
            valid=valid,
            num_restarts=self.num_restarts,
            max_iterations=self.max_iterations,
            tolerance=self.tolerance)
        return result.labels.view(batch, height, width)


def find_generator_config(cfg: Config) -> dict:
    """The generator that the config of a training names.

    It is ``pseudo_mask_generator`` of the config (for models that read a
    cache and have none) or else of its model.

    Raises:
        ValueError: There is none.
    """
    for owner in (cfg, cfg.get('model') or {}):
        found = owner.get('pseudo_mask_generator')
        if found:
            return found.to_dict()
    raise ValueError(
        'the config has no pseudo_mask_generator. Give one, for example with '
        '--cfg-options pseudo_mask_generator.type=PseudoMaskGenerator '
        'pseudo_mask_generator.features.type=PixelFeatures')
