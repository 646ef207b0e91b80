"""The two-way transformer of SAM for many prompts of one image."""
from __future__ import annotations
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class SeenImage:
    """An image as the first layer sees it, the same for all prompts.

    Attributes:
        pixels (Tensor): (h, w, C).
        position (Tensor): Of each pixel, (h, w, C).
        keys (Tensor): Where the tokens look, by head (H, P, d).
        values (Tensor): What they find there, (H, P, d).
        queries (Tensor): With which pixels look at the tokens, (h, w, H d).
    """

    pixels: Tensor
    position: Tensor
    keys: Tensor
    values: Tensor
    queries: Tensor


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Linear layer of an image: (h, w, O) from (h, w, C) and (O, C)."""
    if x.device.type != 'cpu':
        return F.linear(x, weight, bias)
    # PyTorch leaves matrix products to MKL, which keeps to half of the width
    # of some processors (AVX512 of AMD), and convolutions to oneDNN, which
    # uses all of it. The rows are a batch, as of one image it is not called.
    out = F.conv2d(x[:, None].permute(0, 3, 1, 2), weight[:, :, None, None],
                   bias)
    return out.permute(0, 2, 3, 1)[:, 0]


class TwoWayTransformer(nn.Module):
    """Tokens that read an image, and an image that reads tokens.

    Behind the first layer the P pixels differ between prompts. With T tokens
    and channels per head d << C, T << P, (q W)(x)^T is cheaper as
    (q W^T) x^T: the tokens are projected to the channels of the image, not
    the image to those of the heads. The image of one prompt at a time is
    computed with, which fits into the caches of a processor.
    """

    def __init__(self, channels: int, hidden: int, layers: int,
                 heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayLayer(channels, hidden, heads) for _ in range(layers))
        self.final_attn_token_to_image = Attention(channels, channels // 2,
                                                   heads)
        self.norm_final_attn = nn.LayerNorm(channels)

    def look(self, pixels: Tensor, position: Tensor) -> SeenImage:
        """Project an image (h, w, C) for the first layer."""
        reader = self.layers[0].cross_attn_token_to_image
        writer = self.layers[0].cross_attn_image_to_token
        placed = pixels + position
        return SeenImage(
            pixels=pixels,
            position=position,
            keys=reader.split(reader.k_proj(placed).flatten(0, 1)),
            values=reader.split(reader.v_proj(pixels).flatten(0, 1)),
            queries=writer.q_proj(placed))

    def forward(self, prompts: Tensor, seen: SeenImage,
                wanted: int) -> tuple[Tensor, list[Tensor]]:
        """The first ``wanted`` tokens (B, T', C), and B times the pixels
        (h, w, C), from prompts (B, T, C)."""
        first, *others = self.layers
        tokens, images = first.begin(prompts, seen)
        for layer in others:
            tokens, images = layer(tokens, prompts, images, seen.position)
        tokens = tokens[:, :wanted]
        read = self.final_attn_token_to_image.read(
            tokens + prompts[:, :wanted], images, seen.position)
        return self.norm_final_attn(tokens + read), images


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

    def begin(self, prompts: Tensor,
              seen: SeenImage) -> tuple[Tensor, list[Tensor]]:
        """The first layer: the tokens are the prompts (B, T, C), and all of
        them see the same image."""
        tokens = self.norm1(self.self_attn(prompts, prompts))
        read = self.cross_attn_token_to_image.read_shared(
            tokens + prompts, seen)
        tokens = self._think(tokens + read)
        writer = self.cross_attn_image_to_token
        keys = writer.split(writer.k_proj(tokens + prompts))
        # one block per head of the queries
        keys = torch.einsum('bhtd,hk->bthkd', keys,
                            torch.eye(writer.heads).to(keys))
        shares = [
            multiply(seen.queries, weight)
            for weight in writer.scaled(keys.flatten(3).flatten(1, 2))
        ]
        return tokens, self._written(shares, tokens,
                                     [seen.pixels] * len(tokens))

    def forward(self, tokens: Tensor, prompts: Tensor, images: list[Tensor],
                position: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Tokens (B, T, C) and B images (h, w, C), as in the following
        layers."""
        tokens = self.norm1(tokens + self.self_attn(tokens + prompts, tokens))
        read = self.cross_attn_token_to_image.read(tokens + prompts, images,
                                                   position)
        tokens = self._think(tokens + read)
        writer = self.cross_attn_image_to_token
        keys = writer.scaled(writer.split(writer.k_proj(tokens + prompts)))
        bias = (keys * writer.q_proj.bias.view(writer.heads, 1, -1)).sum(-1)
        scores = [
            multiply(image + position, *parts) for image, *parts in zip(
                images, writer.unfold(keys, writer.q_proj),
                bias.transpose(1, 2).flatten(1))
        ]
        return tokens, self._written(scores, tokens, images)

    def _think(self, tokens: Tensor) -> Tensor:
        tokens = self.norm2(tokens)
        hidden = self.mlp['lin1'](tokens).relu()
        return self.norm3(tokens + self.mlp['lin2'](hidden))

    def _written(self, scores: list[Tensor], tokens: Tensor,
                 images: list[Tensor]) -> list[Tensor]:
        """Images with what they gather from the tokens, by B times scores
        (h, w, T H)."""
        writer = self.cross_attn_image_to_token
        values = writer.split(writer.v_proj(tokens))
        out = writer.out_proj.weight.unflatten(1, (writer.heads, -1))
        values = (values @ out.permute(1, 2, 0)).transpose(1, 2).flatten(1, 2)
        return [
            self.norm4(
                multiply(
                    _softmax(score, tokens.shape[1]), value.T,
                    writer.out_proj.bias).add_(image))
            for score, value, image in zip(scores, values, images)
        ]


def _softmax(scores: Tensor, tokens: int) -> Tensor:
    """Over the tokens, of scores (h, w, T H)."""
    # pixel by pixel in place of image by image it would take twice as long
    x = scores.flatten(0, 1).T.contiguous().unflatten(0, (tokens, -1))
    return x.softmax(0).flatten(0, 1).T.contiguous().view_as(scores)


class Attention(nn.Module):
    """Attention between few tokens and many pixels."""

    def __init__(self, channels: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        for name in 'qkv':
            self.add_module(f'{name}_proj', nn.Linear(channels, inner))
        self.out_proj = nn.Linear(inner, channels)

    def split(self, x: Tensor) -> Tensor:
        """Heads before the positions: (B, H, N, d) from (B, N, H d)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def scaled(self, x: Tensor) -> Tensor:
        """Divided by the root of the channels of a head."""
        return x * (self.q_proj.out_features // self.heads)**-0.5

    def unfold(self, x: Tensor, layer: nn.Linear) -> Tensor:
        """Tokens by head (B, H, T, d) as weights (B, T H, C) for pixels that
        ``layer`` would project."""
        x = x @ layer.weight.unflatten(0, (self.heads, -1))
        return x.transpose(1, 2).flatten(1, 2)

    def forward(self, placed: Tensor, tokens: Tensor) -> Tensor:
        """Among the tokens, (B, T, C)."""
        q, k, v = map(
            self.split,
            (self.q_proj(placed), self.k_proj(placed), self.v_proj(tokens)))
        out = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(out.transpose(-3, -2).flatten(-2))

    def read_shared(self, tokens: Tensor, seen: SeenImage) -> Tensor:
        """Tokens (B, T, C) gather from the image that all share."""
        q = self.scaled(self.split(self.q_proj(tokens)))
        # all prompts of a head in one matrix, (H, B T, d)
        scores = q.transpose(0, 1).flatten(1, 2) @ seen.keys.transpose(1, 2)
        out = scores.softmax(-1) @ seen.values
        out = out.unflatten(1, (len(q), -1)).permute(1, 2, 0, 3)
        return self.out_proj(out.flatten(-2))

    def read(self, tokens: Tensor, images: list[Tensor],
             position: Tensor) -> Tensor:
        """Tokens (B, T, C) gather from an image (h, w, C) each."""
        q = self.scaled(self.split(self.q_proj(tokens)))
        # the bias of the keys adds the same to all scores of a query
        found = []
        for weight, image in zip(self.unfold(q, self.k_proj), images):
            scores = multiply(image + position, weight).flatten(0, 1)
            shares = scores.T.contiguous().softmax(1)
            found.append(shares @ image.flatten(0, 1))
        out = torch.stack(found).unflatten(1, (-1, self.heads))
        value = self.v_proj.weight.unflatten(0, (self.heads, -1))
        out = out.transpose(1, 2) @ value.transpose(1, 2)
        out = out.transpose(1, 2) + self.v_proj.bias.view(self.heads, -1)
        return self.out_proj(out.flatten(-2))
