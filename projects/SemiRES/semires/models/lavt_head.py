from __future__ import annotations
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class LAVTHead(BaseModule):
    """Decoder of LAVT (CVPR 2022, Sec. 3.4).

    From the deepest features on, each level is enlarged, joined with the next
    finer one, and passed through two convolutions.

    Args:
        in_channels (Sequence[int]): Channels of the features, from the finest
            to the deepest level.
        channels (int, optional): Channels of the convolutions. Defaults to
            half of the deepest level's.
        num_classes (int): Channels of the result.
        norm_cfg (dict): Config of the normalization.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    align_corners = True

    def __init__(
        self,
        in_channels: Sequence[int] = (128, 256, 512, 1024),
        channels: int | None = None,
        num_classes: int = 2,
        norm_cfg: dict = dict(type='BN'),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        *finer, below = in_channels
        channels = channels or below // 2
        self.num_classes = num_classes
        self.levels = nn.ModuleList()  # from the deepest on
        for skip in reversed(finer):
            self.levels.append(
                nn.Sequential(*(ConvModule(
                    c, channels, kernel_size=3, padding=1, norm_cfg=norm_cfg)
                                for c in (below + skip, channels))))
            below = channels
        self.conv_seg = nn.Conv2d(below, num_classes, kernel_size=1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Decode features.

        Args:
            inputs (Sequence[Tensor]): From the finest to the deepest level,
                each (B, C_i, H_i, W_i).

        Returns:
            Tensor: (B, num_classes, H_0, W_0) logits.
        """
        *finer, x = inputs
        for level, skip in zip(self.levels, reversed(finer)):
            if x.shape[-2:] != skip.shape[-2:]:
                x = F.interpolate(
                    x,
                    size=skip.shape[-2:],
                    mode='bilinear',
                    align_corners=self.align_corners)
            x = level(torch.cat([x, skip], dim=1))
        return self.conv_seg(x)
