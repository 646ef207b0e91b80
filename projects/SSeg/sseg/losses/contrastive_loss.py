"""Contrastive loss of images and their captions."""
from __future__ import annotations
import math

import torch
import torch.nn.functional as F
from mmengine.dist import get_world_size
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from .all_gather import gather_with_gradient


@MODELS.register_module()
class ImageTextContrastiveLoss(BaseModule):
    """Symmetric InfoNCE over the pairs of all processes (S-Seg, eq. 2-3).

    Computed in float32. A process compares its own images with the captions
    of all and its own captions with the images of all; averaged over the
    processes, as DistributedDataParallel does with gradients, that is the
    loss of one process with the whole batch, also if the processes have
    different numbers of pairs.

    Args:
        temperature (float): Start value of the learnable temperature.
        max_scale (float): Upper bound of 1 / temperature.
        directions (str): 'sum' of the losses image to text and text to image,
            as in the paper, or their 'mean', as in CLIP and GroupViT.
        loss_weight (float): Factor of the result.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 temperature: float = 0.07,
                 max_scale: float = 100.,
                 directions: str = 'sum',
                 loss_weight: float = 1.,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if directions not in ('sum', 'mean'):
            raise ValueError("directions must be 'sum' or 'mean', got "
                             f'{directions!r}')
        if not 1 / max_scale <= temperature:
            raise ValueError(f'temperature={temperature} must be at least '
                             f'1 / max_scale = {1 / max_scale}')
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.max_scale = max_scale
        self.factor = loss_weight * (1. if directions == 'sum' else 0.5)

    @property
    def scale(self) -> Tensor:
        """1 / temperature, a float32 scalar with gradient."""
        # The parameter itself is bounded: a clamp in the graph would stop its
        # gradient, and it could not come back.
        with torch.no_grad():
            self.logit_scale.clamp_(max=math.log(self.max_scale))
        return self.logit_scale.float().exp()

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        """Compare the b pairs of this process with all pairs.

        Args:
            images (Tensor): Projected image features, (b, C); they are
                L2-normalized here.
            texts (Tensor): Those of the captions, (b, C).

        Returns:
            Tensor: Scalar, float32.
        """
        if images.shape != texts.shape:
            raise ValueError('images and texts must have the same shape (b, '
                             f'C), got {tuple(images.shape)} and '
                             f'{tuple(texts.shape)}')
        return self._compare(images, texts[:, None])

    def _compare(self, images: Tensor, texts: Tensor) -> Tensor:
        """Loss of (b, C) images with M texts each, (b, M, C)."""
        with torch.autocast(images.device.type, enabled=False):
            count, per_image, _ = texts.shape
            images = F.normalize(images.float(), dim=-1)
            texts = F.normalize(texts.float(), dim=-1)
            both, start = gather_with_gradient(
                torch.cat([images[:, None], texts], dim=1))  # (B, 1 + M, C)
            scale, total = self.scale, len(both)
            own = torch.arange(start, start + count, device=images.device)

            # image to text: the M texts of an image share the target
            logits = scale * images @ both[:, 1:].flatten(0, 1).T
            positive = logits.view(count, total, per_image)[torch.arange(
                count, device=own.device), own]  # (b, M)
            image_loss = (logits.logsumexp(1) - positive.mean(1)).sum()

            # text to image
            logits = scale * texts.flatten(0, 1) @ both[:, 0].T
            text_loss = F.cross_entropy(
                logits, own.repeat_interleave(per_image), reduction='sum')

            # means over all, but for the average over the processes
            world = get_world_size() / max(total, 1)
            return self.factor * world * (image_loss + text_loss / per_image)
