"""Features from the pixels themselves, which need no weights."""
from __future__ import annotations
import math

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

# sRGB primaries to XYZ, and the white point D65, as in IEC 61966-2-1
_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169),
           (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1., 1.08883)


@MODELS.register_module()
class PixelFeatures(BaseModule):
    """Smoothed color and position on a grid.

    ``features(images)`` takes (B, 3, H, W) RGB in 0..255 and returns
    (B, C, h, w) float32 with h = ceil(H / stride), w = ceil(W / stride):
    three channels of color, two of position where it has a weight.

    Args:
        stride: Pixels per cell of the grid, of which the mean is taken.
        color_space: ``'lab'`` (CIELAB, in which distances are about as large
            as they look; lightness is 0..100) or ``'rgb'`` (scaled to
            0..100 too).
        position_weight: Distance in color that counts as much as the
            longer side of the image. 0 leaves the position out.
        smoothing: Standard deviation of a Gaussian over the grid, in cells.
            0 does not smooth.
    """

    def __init__(self,
                 stride: int = 8,
                 color_space: str = 'lab',
                 position_weight: float = 60.,
                 smoothing: float = 0.5) -> None:
        super().__init__()
        if color_space not in ('lab', 'rgb'):
            raise ValueError(f'color_space={color_space!r} is neither "lab" '
                             'nor "rgb"')
        if stride < 1 or position_weight < 0 or smoothing < 0:
            raise ValueError(f'stride={stride} must be positive, '
                             f'position_weight={position_weight} and '
                             f'smoothing={smoothing} must not be negative')
        self.stride = stride
        self.color_space = color_space
        self.position_weight = position_weight
        self.smoothing = smoothing

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Compute the features of a batch."""
        height, width = images.shape[2:]
        grid = (math.ceil(height / self.stride),
                math.ceil(width / self.stride))
        with torch.autocast(images.device.type, enabled=False):
            color = F.adaptive_avg_pool2d(images.float() / 255, grid)
            color = rgb_to_lab(color) if self.color_space == 'lab' else \
                100 * color
            if self.smoothing:
                color = gaussian_blur(color, self.smoothing)
        if not self.position_weight:
            return color
        scale = self.position_weight / max(height, width)
        rows, columns = ((torch.arange(cells, device=color.device) + 0.5) *
                         (scale * pixels / cells)
                         for cells, pixels in zip(grid, (height, width)))
        position = torch.stack(torch.meshgrid(rows, columns, indexing='ij'))
        position = position.expand(len(images), -1, -1, -1)
        return torch.cat([color, position], 1)


def rgb_to_lab(images: Tensor) -> Tensor:
    """Convert sRGB (B, 3, H, W) in 0..1 to CIELAB under D65."""
    linear = torch.where(images > 0.04045,
                         ((images.clamp(min=0.04) + 0.055) / 1.055)**2.4,
                         images / 12.92)
    matrix = images.new_tensor(_TO_XYZ) / images.new_tensor(_WHITE)[:, None]
    xyz = torch.einsum('ij,bjhw->bihw', matrix, linear)
    f = torch.where(xyz > 0.008856,
                    xyz.clamp(min=0.008)**(1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Smooth (B, C, H, W) with a separable Gaussian, borders replicated."""
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    kernel = (-0.5 * (offsets / sigma)**2).exp()
    kernel = (kernel / kernel.sum()).to(images.dtype)
    channels = images.shape[1]
    rows = kernel.view(1, 1, -1, 1).expand(channels, -1, -1, -1)
    columns = kernel.view(1, 1, 1, -1).expand(channels, -1, -1, -1)
    padded = F.pad(images, [radius] * 4, mode='replicate')
    return F.conv2d(
        F.conv2d(padded, rows, groups=channels), columns, groups=channels)
