"""Contrastive loss of images and several prompts each."""
from __future__ import annotations

from mmseg.registry import MODELS
from torch import Tensor

from .contrastive_loss import ImageTextContrastiveLoss


@MODELS.register_module()
class MultiLabelContrastiveLoss(ImageTextContrastiveLoss):
    """Soft-target cross entropy of images and prompts (GroupViT, Sec. 3.2).

    Each image has M prompts made of words of its caption. From image to text
    the target is 1 / M for each of them, from text to image it is the image.
    The temperature is its own, apart from that of the captions.

    Args: See :class:`ImageTextContrastiveLoss`.
    """

    def forward(self, images: Tensor, prompts: Tensor) -> Tensor:
        """Compare the b images of this process with the prompts of all.

        Args:
            images (Tensor): Projected image features, (b, C); they are
                L2-normalized here.
            prompts (Tensor): Those of the prompts, (b, M, C); M is the same
                in all processes.

        Returns:
            Tensor: Scalar, float32.
        """
        if prompts.dim() != 3 or prompts.shape[1] == 0 \
                or images.shape != prompts[:, 0].shape:
            raise ValueError('images must be (b, C) and prompts (b, M, C), got'
                             f' {tuple(images.shape)} and '
                             f'{tuple(prompts.shape)}')
        return self._compare(images, prompts)
