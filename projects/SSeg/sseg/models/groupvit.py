from __future__ import annotations
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from .public_regions import PublicRegionSegmentor

_LARGEST_SCALE = 100.  # of logits, as GroupViT is tested


class Groups(NamedTuple):
    """The groups of patches of B images.

    Attributes:
        attention (Tensor): (B, G, h, w), how much of a patch is in a group.
        features (Tensor): (B, G, D), projected.
        image (Tensor): (B, D), of the image.
    """

    attention: Tensor
    features: Tensor
    image: Tensor


@MODELS.register_module()
class GroupViT(PublicRegionSegmentor):
    """GroupViT (Xu et al., CVPR 2022) of transformers, for testing.

    A vision Transformer that groups its patches; groups are compared with the
    names of classes, and each pixel has the classes of its strongest group.
    As in GroupViT's own tests the classes of an image are those that its
    whole feature is most similar to, and a group's probability is that over
    all classes times that over these.

    Args:
        pretrained (str): Such as ``nvidia/groupvit-gcc-yfcc``, or a folder.
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        top_classes (int, optional): How many classes an image, or crop, has.
            None for all.
        background_rule (str): See :func:`add_background`.
        others: See :class:`PublicRegionSegmentor`.
    """

    def __init__(self,
                 pretrained: str,
                 data_preprocessor: dict,
                 *,
                 top_classes: int | None = 5,
                 background_rule: str = 'groupvit',
                 **others) -> None:
        super().__init__(
            pretrained,
            data_preprocessor,
            combination='hard',
            background_rule=background_rule,
            **others)
        self.top_classes = top_classes

    @property
    def logit_scale(self) -> Tensor:
        """What cosines are multiplied with."""
        return super().logit_scale.clamp(max=_LARGEST_SCALE)

    @torch.no_grad()
    def groups(self, inputs: Tensor) -> Groups:
        """Group the patches of images (B, 3, H, W).

        Of another size they are resized to a multiple of the patch size: the
        network would leave out what is behind the last whole patch, so that
        its groups, stretched over the image, would lie beside what they are.
        """
        from transformers.models.groupvit.modeling_groupvit import \
            get_grouping_from_attentions
        vision = self.network.vision_model
        side = self.network.config.vision_config.patch_size
        grid = [max(1, round(pixels / side)) for pixels in inputs.shape[-2:]]
        size = [cells * side for cells in grid]
        if list(inputs.shape[-2:]) != size:
            inputs = F.interpolate(
                inputs, size, mode='bilinear', align_corners=False)
        # transformers' own forward pass takes images of one size only
        hidden = vision.embeddings(inputs, interpolate_pos_encoding=True)
        encoded = vision.encoder(
            hidden, output_attentions=True, return_dict=True)
        tokens = vision.layernorm(encoded.last_hidden_state)  # (B, G, C)
        project = self.network.visual_projection
        return Groups(
            get_grouping_from_attentions(encoded.attentions, grid),
            project(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2]),
            project(tokens.mean(1)))

    def regions(self, inputs: Tensor,
                metas: Sequence[dict]) -> tuple[Tensor, Tensor]:
        """The groups. Their attention, of which only the largest counts,
        stands for logits."""
        groups = self.groups(inputs)
        return groups.attention, groups.features

    def classified_regions(self, inputs: Tensor,
                           metas: Sequence[dict]) -> tuple[Tensor, Tensor]:
        """See :meth:`RegionSegmentor.classified_regions`."""
        groups = self.groups(inputs)
        probs = self.classify(groups.features)  # (B, G, C)
        if self.top_classes is not None:
            of_image = self.classify(groups.image[:, None])[:, 0]
            count = min(self.top_classes, probs.shape[-1])
            likely = torch.zeros_like(
                of_image,
                dtype=torch.bool).scatter_(1,
                                           of_image.topk(count).indices, True)
            # the softmax over some classes is that over all, rescaled
            among = probs * likely[:, None]
            probs = probs * among / among.sum(
                -1, keepdim=True).clamp(min=torch.finfo(probs.dtype).tiny)
        return groups.attention.float(), probs
