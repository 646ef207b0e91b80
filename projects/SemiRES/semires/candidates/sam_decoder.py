"""SAM's mask decoder for many point prompts of one image."""
from __future__ import annotations
import math

import torch
from torch import Tensor, nn

from .layer_prompts import point_grid
from .sam_transformer import SeenImage, TwoWayTransformer, multiply


class SAMDecoder(nn.Module):
    """The decoder of "Segment Anything" (Kirillov et al., ICCV 2023, app. A).

    It computes what ``MaskDecoder.predict_masks`` of the package
    segment-anything does, whose names its weights have, with less work where
    one image has hundreds of prompts:

    - The first layer reads the same image for all prompts, which is projected
      once, by :meth:`look`.
    - Behind it every prompt has an image of its own, see
      :mod:`.sam_transformer`.
    - The predicted IoU needs no mask, so that masks are made afterwards, of
      the prompts that are worth it: :meth:`forward`, then :meth:`masks`.

    Args:
        channels: Of the image embedding, C.
        hidden: Of the feed-forward networks.
        layers: Number of two-way layers.
        heads: Of the attention.
        num_masks: Mask tokens, M.
        iou_hidden: Channels of the head of the predicted IoU.
        iou_layers: Its layers.
        image_size: Side of the padded image that the encoder sees, in pixels.
    """

    def __init__(self,
                 channels: int = 256,
                 hidden: int = 2048,
                 layers: int = 2,
                 heads: int = 8,
                 num_masks: int = 4,
                 iou_hidden: int = 256,
                 iou_layers: int = 3,
                 image_size: int = 1024) -> None:
        super().__init__()
        self.image_size = image_size
        self.frequencies = nn.Parameter(torch.zeros(2, channels // 2))
        self.foreground = nn.Parameter(torch.zeros(channels))
        self.no_point = nn.Parameter(torch.zeros(channels))
        self.no_mask = nn.Parameter(torch.zeros(channels))
        self.tokens = nn.Parameter(torch.zeros(1 + num_masks, channels))
        self.transformer = TwoWayTransformer(channels, hidden, layers, heads)
        upscaled = channels // 8
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(channels, 2 * upscaled, 2, 2),
            nn.LayerNorm(2 * upscaled, eps=1e-6), nn.GELU(),
            nn.ConvTranspose2d(2 * upscaled, upscaled, 2, 2), nn.GELU())
        self.output_hypernetworks_mlps = nn.ModuleList(
            Perceptron([channels] * 3 + [upscaled]) for _ in range(num_masks))
        self.iou_prediction_head = Perceptron([channels] + [iou_hidden] *
                                              (iou_layers - 1) + [num_masks])

    def look(self, embedding: Tensor) -> SeenImage:
        """What all prompts of an image need, of its embedding (1, C, h, h)."""
        side = embedding.shape[-1]
        position = self.encode(point_grid(side).to(embedding))
        image = embedding[0].permute(1, 2, 0).contiguous() + self.no_mask
        return self.transformer.look(image, position.view_as(image))

    def forward(self, seen: SeenImage,
                points: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Decode one foreground point per prompt.

        Args:
            seen: The image.
            points: x and y in pixels of the padded image, (B, 2).

        Returns:
            tuple: Predicted IoU (B, M), and what :meth:`masks` needs: B times
            pixels (h, h, C), and the weights of each mask (B, M, C / 8).
        """
        point = self.encode((points + 0.5) / self.image_size) + self.foreground
        prompts = torch.cat([
            self.tokens.expand(len(points), -1, -1), point[:, None],
            self.no_point.expand(len(points), 1, -1)
        ], 1)
        tokens, pixels = self.transformer(prompts, seen, len(self.tokens))
        scores = self.iou_prediction_head(tokens[:, 0])
        kernels = torch.stack([
            perceptron(tokens[:, 1 + i])
            for i, perceptron in enumerate(self.output_hypernetworks_mlps)
        ], 1)
        return scores, pixels, kernels

    def encode(self, points: Tensor) -> Tensor:
        """Fourier features of x, y in [0, 1]: (N, C) from (N, 2)."""
        angles = 2 * math.pi * ((2 * points - 1) @ self.frequencies)
        return torch.cat([angles.sin(), angles.cos()], -1)

    def masks(self, pixels: Tensor, kernels: Tensor) -> Tensor:
        """Logits of masks at four times the size of the embedding.

        Args:
            pixels: Of one prompt, (h, w, C); cropping them crops the masks,
                and nothing else.
            kernels: (M, C / 8).

        Returns:
            Tensor: (M, 4 h, 4 w).
        """
        first, norm, gelu, second, _ = self.output_upscaling
        rows, columns = pixels.shape[:2]
        x = gelu(norm(_upscale(pixels.contiguous(), first)))
        x = gelu(_upscale(x, second))
        logits = kernels @ x.flatten(0, -2).T
        # (M, y x i j k l) to (M, y i k, x j l)
        logits = logits.reshape(-1, rows, columns, 2, 2, 2, 2)
        logits = logits.permute(0, 1, 3, 5, 2, 4, 6)
        return logits.reshape(-1, 4 * rows, 4 * columns)


def _upscale(x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """A convolution whose windows do not overlap: (h, w, C) becomes
    (h, 4 w, C'), the 2 x 2 of every pixel one behind the other."""
    weight = layer.weight.permute(2, 3, 1, 0).flatten(0, 2)
    x = multiply(x, weight, layer.bias.repeat(4))
    return x.reshape(len(x), -1, layer.out_channels)


class Perceptron(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(map(nn.Linear, channels, channels[1:]))

    def forward(self, x: Tensor) -> Tensor:
        *first, last = self.layers
        for layer in first:
            x = layer(x).relu()
        return last(x)
