from __future__ import annotations

from mmengine.model import BaseModule
from mmengine.model.weight_init import trunc_normal_init
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class LanguageGate(BaseModule):
    """Language gate of LAVT (CVPR 2022, Sec. 3.3).

    Decides per position and channel how much of the fused features goes on
    into the next stage of the backbone.

    Args:
        channels (int): Channels C of the fused features.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self, channels: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.gate = nn.Sequential(
            nn.Linear(channels, channels, bias=False), nn.ReLU(),
            nn.Linear(channels, channels, bias=False), nn.Tanh())

    def init_weights(self) -> None:
        """Initialize as the linear layers of Swin."""
        for layer in (self.gate[0], self.gate[2]):
            trunc_normal_init(layer, std=0.02)

    def forward(self, fused: Tensor) -> Tensor:
        """Weigh fused features (..., C) by their own gate."""
        return self.gate(fused) * fused
