"""Grids of point prompts for the crops of an image."""
from __future__ import annotations
from typing import Any

import torch
from torch import Tensor


def points_per_layer(points_per_side: int, downscale_factor: float,
                     layer: int) -> int:
    """Side of the grid of prompts in a layer of crops.

    Raises:
        ValueError: No prompt is left.
    """
    side = int(points_per_side / downscale_factor**layer)
    if side < 1:
        raise ValueError(
            f'crop_n_points_downscale_factor={downscale_factor} leaves no '
            f'point of {points_per_side} per side in layer {layer} of the '
            'crops. Use a smaller factor, fewer layers or more points')
    return side


def point_grid(side: int) -> Tensor:
    """Centers of ``side`` x ``side`` equal cells, (x, y) in [0, 1]: (P, 2)."""
    centers = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(centers, centers, indexing='ij')
    return torch.stack([x, y], -1).flatten(0, 1)


class LayerPrompts:
    """An image processor of transformers that gives one layer of crops.

    SAM's processor keeps the aspect ratio of a crop and pads it. Those of
    SAM 2, SAM 3 and EdgeTAM squash it to a square; transformers 5.23 scales
    their prompts by the longest edge nevertheless, so that none reaches the
    lower quarter of a 480 x 640 image. Here prompts cover all of a squashed
    crop, whatever the version.

    Args:
        processor: The image processor; it does everything else.

    Attributes:
        layer (int): Layer ``i`` has 4^i crops; 0 is the image itself.
    """

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.layer = 0

    def __getattr__(self, name: str) -> Any:
        if name == 'processor':  # not yet there, as in copies
            raise AttributeError(name)
        return getattr(self.processor, name)

    def __call__(self, *args, **kwargs) -> Any:
        return self.processor(*args, **kwargs)

    @property
    def squashes(self) -> bool:
        """Whether crops lose their aspect ratio."""
        return 'longest_edge' not in self.processor.size

    def generate_crop_boxes(self, image: Any, target_size: int, *args,
                            **kwargs) -> tuple:
        """Crops of the layer with their prompts.

        Takes the arguments of the processor's method of this name, whose
        ``crop_n_layers`` must be ``layer``.

        Returns:
            tuple: Boxes (C, 4) in pixels of the image, prompts (1, P, C, 2)
            in pixels of what the network sees, C crops, labels (1, P, C).
        """
        boxes, points, crops, labels = self.processor.generate_crop_boxes(
            image, target_size, *args, **kwargs)
        chosen = slice(len(crops) - 4**self.layer, None)
        boxes, points = boxes[chosen], points[:, :, chosen]
        if self.squashes:
            size = self.processor.size
            side = round(points.shape[1]**0.5)
            grid = point_grid(side) * torch.tensor(
                [size['width'], size['height']])
            points = grid[None, :, None].to(points).expand(points.shape)
        return boxes, points, crops[chosen], labels[:, :, chosen]
