from __future__ import annotations
from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor

from .pseudo_mask_classifier import SURE, crop_masks, divide_images
from .public_regions import PublicRegionSegmentor


@MODELS.register_module()
class CLIPPseudoMasks(PublicRegionSegmentor):
    """CLIP on crops of pseudo-masks: the paper's baseline without training
    (Table 3, B1).

    Args:
        pretrained (str): A CLIP of transformers, such as
            ``openai/clip-vit-base-patch16``, or a folder.
        pseudo_mask_generator (dict): Config of :class:`PseudoMaskGenerator`.
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        combination (str): See :func:`combine`.
        others: See :class:`PublicRegionSegmentor`.
    """

    def __init__(self,
                 pretrained: str,
                 pseudo_mask_generator: dict,
                 data_preprocessor: dict,
                 *,
                 combination: str = 'hard',
                 **others) -> None:
        super().__init__(
            pretrained, data_preprocessor, combination=combination, **others)
        self.pseudo_mask_generator = MODELS.build(pseudo_mask_generator)

    @torch.no_grad()
    def regions(self, inputs: Tensor,
                metas: Sequence[dict]) -> tuple[Tensor, Tensor]:
        """Pseudo-masks, and the features of images that show nothing else."""
        masks = divide_images(self.pseudo_mask_generator,
                              self.data_preprocessor, inputs, metas)
        crops = crop_masks(inputs, masks,
                           self.network.config.vision_config.image_size)
        features = self.extract_feat(crops).unflatten(0, masks.shape[:2])
        return torch.where(masks, SURE, -SURE), features
