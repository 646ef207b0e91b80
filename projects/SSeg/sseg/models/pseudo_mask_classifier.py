from __future__ import annotations
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.ops import roi_align
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from .batch import image_seeds, restore_rgb, valid_area
from .open_vocabulary import OpenVocabularySegmentor

SURE = 20.  # logit of a pixel inside a mask that is not predicted


@MODELS.register_module()
class PseudoMaskClassifier(OpenVocabularySegmentor):
    """Pseudo-masks classified by an image-text model: the paper's baselines.

    Only images and captions are trained, by the contrastive loss of globally
    averaged features. In testing the image is divided by the generator, and
    each mask is compared with the names of the classes (Table 3).

    Args:
        pseudo_mask_generator (dict): Config of :class:`PseudoMaskGenerator`.
        region_features (str): 'pooled': the mean of the image's features
            over the mask ("pseudo-mask-pooled", B2); 'crop': the feature of
            an image that shows nothing but the mask (B1).
        crop_size (int): Height and width of the images of 'crop'.
        loss_scale (float): Factor of all losses.
        others: See :class:`OpenVocabularySegmentor`. Of the backbone only the
            deepest features are used (``out_indices=(3, )`` of a Swin);
            ``visual_projection`` needs their number as ``in_channels``.
    """

    def __init__(self,
                 pseudo_mask_generator: dict,
                 *,
                 region_features: str = 'pooled',
                 crop_size: int = 224,
                 loss_scale: float = 1.,
                 **others) -> None:
        super().__init__(**others)
        if region_features not in ('pooled', 'crop'):
            raise ValueError("region_features must be 'pooled' or 'crop', got "
                             f'{region_features!r}')
        self.pseudo_mask_generator = MODELS.build(pseudo_mask_generator)
        self.region_features = region_features
        self.crop_size = crop_size
        self.loss_scale = loss_scale

    def image_features(self, inputs: Tensor) -> Tensor:
        """Deepest features of images, averaged and projected: (B, D)."""
        return self.visual_projection(
            self.extract_feat(inputs)[-1].mean(dim=(2, 3)))

    def loss(self, inputs: Tensor,
             data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Compute the losses of images (B, 3, H, W) and their captions."""
        losses = self.text_losses(self.image_features(inputs), data_samples)
        return {
            name: value * self.loss_scale if 'loss' in name else value
            for name, value in losses.items()
        }

    def regions(self, inputs: Tensor,
                metas: Sequence[dict]) -> tuple[Tensor, Tensor]:
        """Pseudo-masks and their features, see
        :meth:`OpenVocabularySegmentor.regions`."""
        masks = divide_images(self.pseudo_mask_generator,
                              self.data_preprocessor, inputs, metas)
        if self.region_features == 'pooled':
            pooled = pool_features(self.extract_feat(inputs)[-1], masks)
            features = self.visual_projection(pooled)
        else:
            crops = crop_masks(inputs, masks, self.crop_size)
            features = self.image_features(crops).unflatten(0, masks.shape[:2])
        # an empty mask must not be the longest feature of its image
        features = features * masks.any(-1).any(-1)[..., None]
        return torch.where(masks, SURE, -SURE), features


def divide_images(generator: nn.Module, preprocessor: SegDataPreProcessor,
                  inputs: Tensor, metas: Sequence[dict]) -> Tensor:
    """Pseudo-masks of images.

    Args:
        generator (nn.Module): A :class:`PseudoMaskGenerator`.
        preprocessor (SegDataPreProcessor): That has normalized the images.
        inputs (Tensor): They, (B, 3, H, W).
        metas (Sequence[dict]): Metainfo of the samples, of length B.

    Returns:
        Tensor: bool (B, K, H, W), of which some may be empty.
    """
    labels = generator(
        restore_rgb(inputs, preprocessor),
        seeds=image_seeds(metas),
        valid=valid_area(metas, inputs))
    clusters = torch.arange(generator.num_clusters, device=labels.device)
    return labels[:, None] == clusters[:, None, None]


def pool_features(features: Tensor, masks: Tensor) -> Tensor:
    """Average features over masks.

    Summed up in float32 under autocast, too: bfloat16 knows no area between
    256 and 258 pixels.

    Args:
        features (Tensor): (B, C, h, w).
        masks (Tensor): bool (B, K, H, W).

    Returns:
        Tensor: (B, K, C) float32; zeros for an empty mask.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        shares = F.adaptive_avg_pool2d(masks.float(), features.shape[-2:])
        sums = torch.einsum('bkhw,bchw->bkc', shares, features)
        areas = shares.sum(dim=(2, 3))
        return sums / areas.clamp(min=1e-6)[..., None]


def crop_masks(images: Tensor, masks: Tensor, size: int) -> Tensor:
    """Cut masks out of normalized images, each with its bounding box, and set
    everything else to the mean color.

    Args:
        images (Tensor): (B, 3, H, W).
        masks (Tensor): bool (B, K, H, W).
        size (int): Height and width of the results.

    Returns:
        Tensor: (B * K, 3, size, size); zeros for an empty mask.
    """
    cut = (images[:, None] * masks[:, :, None]).flatten(0, 1).float()
    flat = masks.flatten(0, 1)  # (B * K, H, W)
    left, right = _extent(flat.any(dim=1))
    top, bottom = _extent(flat.any(dim=2))
    boxes = torch.stack([
        torch.arange(len(flat), device=flat.device), left, top, right, bottom
    ], 1)
    return roi_align(cut, boxes.to(cut), (size, size), 1., 0, 'avg', True)


def _extent(hits: Tensor) -> tuple[Tensor, Tensor]:
    """First index of True, and behind the last one, of rows (n, L)."""
    hits = hits.to(torch.uint8)
    return hits.argmax(1), hits.shape[1] - hits.flip(1).argmax(1)
