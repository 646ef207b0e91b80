"""SAM's mask decoder for many point prompts of one image."""
from __future__ import annotations
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layer_prompts import point_grid


class SAMDecoder(nn.Module):
    """The decoder of "Segment Anything" (Kirillov et al., ICCV 2023, app. A).

    It computes what ``MaskDecoder.predict_masks`` of the package
    segment-anything does, whose names its weights have, with less work where
    one image has hundreds of prompts:

    - The first layer reads the same image for all prompts, which is projected
      once.
    - Behind it the P pixels differ between prompts. With T tokens and
      channels per head d << C, T << P, (q W)(x)^T is cheaper as
      (q W^T) x^T: the tokens are projected to the channels of the image, not
      the image to those of the heads.
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

    def forward(self, embedding: Tensor,
                points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decode one foreground point per prompt.

        Args:
            embedding: Of the image, (1, C, h, h).
            points: x and y in pixels of the padded image, (B, 2).

        Returns:
            tuple: Predicted IoU (B, M), and what :meth:`masks` needs: pixels
            (B, h, h, C) and the weights of each mask (B, M, C / 8).
        """
        side = embedding.shape[-1]
        position = self.encode(point_grid(side).to(embedding))
        image = embedding[0].flatten(1).T + self.no_mask
        point = self.encode((points + 0.5) / self.image_size) + self.foreground
        prompts = torch.cat([
            self.tokens.expand(len(points), -1, -1), point[:, None],
            self.no_point.expand(len(points), 1, -1)
        ], 1)
        tokens, pixels = self.transformer(prompts, image[None], position)
        scores = self.iou_prediction_head(tokens[:, 0])
        kernels = torch.stack([
            perceptron(tokens[:, 1 + i])
            for i, perceptron in enumerate(self.output_hypernetworks_mlps)
        ], 1)
        return scores, pixels.unflatten(1, (side, side)), kernels

    def encode(self, points: Tensor) -> Tensor:
        """Fourier features of x, y in [0, 1]: (N, C) from (N, 2)."""
        angles = 2 * math.pi * ((2 * points - 1) @ self.frequencies)
        return torch.cat([angles.sin(), angles.cos()], -1)

    def masks(self, pixels: Tensor, kernels: Tensor) -> Tensor:
        """Logits of masks at four times the size of the embedding.

        Args:
            pixels: (B, h, w, C); cropping them crops the masks, and nothing
                else.
            kernels: (B, M, C / 8).

        Returns:
            Tensor: (B, M, 4 h, 4 w).
        """
        first, norm, gelu, second, _ = self.output_upscaling
        x = gelu(norm(_upscale(pixels.contiguous(), first)))
        x = gelu(_upscale(x, second))
        logits = kernels @ x.flatten(1, -2).transpose(1, 2)
        # pixels in pixels: (B, M, y, x, i, j, k, l) to (B, M, y i k, x j l)
        logits = logits.unflatten(2, x.shape[1:-1])
        return logits.permute(0, 1, 2, 4, 6, 3, 5, 7).flatten(5).flatten(2, 4)


def _upscale(x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """A convolution whose windows do not overlap: every pixel becomes 2 x 2,
    in two more dimensions before that of the channels."""
    weight = layer.weight.permute(2, 3, 1, 0).flatten(0, 2)
    x = F.linear(x, weight, layer.bias.repeat(4))
    return x.unflatten(-1, (2, 2, layer.out_channels))


class TwoWayTransformer(nn.Module):
    """Tokens that read an image, and an image that reads tokens."""

    def __init__(self, channels: int, hidden: int, layers: int,
                 heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayLayer(channels, hidden, heads) for _ in range(layers))
        self.final_attn_token_to_image = Attention(channels, channels // 2,
                                                   heads)
        self.norm_final_attn = nn.LayerNorm(channels)

    def forward(self, prompts: Tensor, image: Tensor,
                position: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, C) and pixels (B, P, C) from prompts (B, T, C), an
        image (1, P, C) and the positions (P, C) of its pixels."""
        tokens = prompts
        for i, layer in enumerate(self.layers):
            tokens, image = layer(tokens, prompts, image, position, i == 0)
        read = self.final_attn_token_to_image.read(tokens + prompts,
                                                   image + position, image)
        return self.norm_final_attn(tokens + read), image


class TwoWayLayer(nn.Module):
    """Attention of the tokens among each other, to the image, and back."""

    def __init__(self, channels: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.self_attn = Attention(channels, channels, heads)
        self.cross_attn_token_to_image = Attention(channels, channels // 2,
                                                   heads)
        self.cross_attn_image_to_token = Attention(channels, channels // 2,
                                                   heads)
        self.mlp = nn.ModuleDict(
            dict(
                lin1=nn.Linear(channels, hidden),
                lin2=nn.Linear(hidden, channels)))
        for i in range(1, 5):
            self.add_module(f'norm{i}', nn.LayerNorm(channels))

    def forward(self, tokens: Tensor, prompts: Tensor, image: Tensor,
                position: Tensor, first: bool) -> tuple[Tensor, Tensor]:
        if first:  # the tokens are the prompts
            tokens = self.self_attn(tokens, tokens)
        else:
            tokens = tokens + self.self_attn(tokens + prompts, tokens)
        tokens = self.norm1(tokens)
        placed = image + position
        tokens = self.norm2(tokens + self.cross_attn_token_to_image.read(
            tokens + prompts, placed, image))
        hidden = self.mlp['lin1'](tokens).relu()
        tokens = self.norm3(tokens + self.mlp['lin2'](hidden))
        written = self.cross_attn_image_to_token.write(placed,
                                                       tokens + prompts,
                                                       tokens)
        return tokens, self.norm4(written.add_(image))


class Attention(nn.Module):
    """Attention between few tokens and many pixels.

    ``image`` has B entries, one per prompt, or one that all of them share.
    """

    def __init__(self, channels: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        for name in 'qkv':
            self.add_module(f'{name}_proj', nn.Linear(channels, inner))
        self.out_proj = nn.Linear(inner, channels)

    def split(self, x: Tensor) -> Tensor:
        """Heads before the positions: (B, H, N, d) from (B, N, H d)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def by_head(self, layer: nn.Linear) -> Tensor:
        """Weight of a projection to the heads, (H, d, C)."""
        return layer.weight.unflatten(0, (self.heads, -1))

    def forward(self, placed: Tensor, tokens: Tensor) -> Tensor:
        """Among the tokens, (B, T, C)."""
        q, k, v = map(
            self.split,
            (self.q_proj(placed), self.k_proj(placed), self.v_proj(tokens)))
        out = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(out.transpose(-3, -2).flatten(-2))

    def read(self, tokens: Tensor, placed: Tensor, image: Tensor) -> Tensor:
        """Tokens (B, T, C) gather from the image (B or 1, P, C)."""
        q = self.split(self.q_proj(tokens))
        q = q * q.shape[-1]**-0.5
        if len(image) == 1:
            k, v = self.k_proj(placed[0]), self.v_proj(image[0])
            scores = _by_prompt(q) @ self.split(k).transpose(1, 2)
            out = scores.softmax(-1) @ self.split(v)
            out = out.unflatten(1, (len(q), -1)).permute(1, 2, 0, 3)
        else:
            # the bias of the keys adds the same to all scores of a query
            q = (q @ self.by_head(self.k_proj)).flatten(1, 2)
            shares = torch.bmm(q, placed.transpose(1, 2)).softmax(-1)
            out = torch.bmm(shares, image).unflatten(1, (self.heads, -1))
            out = out @ self.by_head(self.v_proj).transpose(1, 2)
            out = out.transpose(1, 2) + self.v_proj.bias.view(self.heads, -1)
        return self.out_proj(out.flatten(-2))

    def write(self, placed: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """The image (B or 1, P, C) gathers from tokens, (B, P, C)."""
        k, v = self.split(self.k_proj(keys)), self.split(self.v_proj(values))
        k = k * k.shape[-1]**-0.5
        if len(placed) == 1:
            q = self.split(self.q_proj(placed[0]))
            scores = _by_prompt(k) @ q.transpose(1, 2)
            scores = scores.unflatten(1, (len(k), -1)).transpose(0, 1)
        else:
            bias = (k * self.q_proj.bias.view(self.heads, 1, -1)).sum(-1)
            k = (k @ self.by_head(self.q_proj)).flatten(1, 2)
            scores = torch.baddbmm(
                bias.flatten(1)[..., None], k, placed.transpose(1, 2))
            scores = scores.unflatten(1, (self.heads, -1))
        out = self.out_proj.weight.unflatten(1, (self.heads, -1))
        v = (v @ out.permute(1, 2, 0)).flatten(1, 2)
        shares = scores.softmax(2).flatten(1, 2)  # over the tokens
        # in order, for which matrix products are twice as fast
        shares = shares.transpose(1, 2).contiguous()
        return torch.baddbmm(self.out_proj.bias, shares, v)


def _by_prompt(x: Tensor) -> Tensor:
    """All prompts of a head in one matrix: (H, B T, d) of (B, H, T, d)."""
    return x.transpose(0, 1).flatten(1, 2)


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
