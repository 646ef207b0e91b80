from __future__ import annotations

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

_NORMS = {
    None: lambda channels: None,
    'BN': nn.BatchNorm1d,
    'LN': nn.LayerNorm
}


@MODELS.register_module()
class ProjectionMLP(BaseModule):
    """Two-layer MLP into the space that images and texts share (Sec. 3.4).

    The paper says "2-layer" and that "hidden and output feature dimension is
    256", which is the default here. It does not speak of a normalization:
    there is none by default, because the visual projection is trained on the
    mean of the queries and tested on single ones, whose statistics differ.
    GroupViT has ``hidden_channels=4096, norm='BN'``.

    Args:
        in_channels (int): Channels of the features.
        hidden_channels (int): Channels between the layers.
        out_channels (int): Channels of the common space.
        norm (str, optional): Behind the first layer: 'BN', 'LN' or None.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 in_channels: int,
                 hidden_channels: int = 256,
                 out_channels: int = 256,
                 norm: str | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if norm not in _NORMS:
            raise ValueError(f"norm must be 'BN', 'LN' or None, got {norm!r}")
        self.out_channels = out_channels
        layers = [
            nn.Linear(in_channels, hidden_channels),
            _NORMS[norm](hidden_channels),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, out_channels)
        ]
        self.layers = nn.Sequential(*filter(None, layers))

    def forward(self, features: Tensor) -> Tensor:
        """Project features (..., in_channels) to (..., out_channels); they
        are not normalized to unit length."""
        flat = features.flatten(0, -2)  # batch norm wants (n, C)
        return self.layers(flat).unflatten(0, features.shape[:-1])
