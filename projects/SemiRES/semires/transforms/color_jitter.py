"""Brightness, contrast, saturation and hue, as torchvision defines them.

Two forms: of 8-bit images by Pillow, and of float images clamped to [0, 1].
An operation has a factor: what brightness, contrast and saturation are
multiplied by, and the share of a full turn that is added to the hue.
"""
from __future__ import annotations
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

OPERATIONS = ('brightness', 'contrast', 'saturation', 'hue')
_ENHANCERS = dict(
    brightness=ImageEnhance.Brightness,
    contrast=ImageEnhance.Contrast,
    saturation=ImageEnhance.Color)


def jitter_uint8(image: np.ndarray, order: Sequence[int],
                 factors: Sequence[float]) -> np.ndarray:
    """Change the colors of an 8-bit image.

    Args:
        image: (H, W, 3) uint8, RGB.
        order: Indices into ``OPERATIONS``, in the order of application.
        factors: One of each operation, in the order of ``OPERATIONS``.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    picture = Image.fromarray(image)
    for index in order:
        name, factor = OPERATIONS[index], float(factors[index])
        if name == 'hue':
            hue, saturation, value = picture.convert('HSV').split()
            shift = int(factor * 255)  # 8-bit hues turn around at 256
            hue = hue.point([(i + shift) % 256 for i in range(256)])
            picture = Image.merge('HSV', (hue, saturation, value))
            picture = picture.convert('RGB')
        else:
            picture = _ENHANCERS[name](picture).enhance(factor)
    return np.array(picture)


def jitter_float(image: Tensor, order: Sequence[int],
                 factors: Sequence[float]) -> Tensor:
    """Change the colors of a float image, clamping to [0, 1].

    Args:
        image: (3, H, W) float, RGB; values outside of [0, 1], as normalized
            images have, are lost.
        order: Indices into ``OPERATIONS``, in the order of application.
        factors: One of each operation, in the order of ``OPERATIONS``.

    Returns:
        (3, H, W), of the same type.
    """
    for index in order:
        name, factor = OPERATIONS[index], float(factors[index])
        if name == 'hue':
            image = _turn_hue(image, factor)
            continue
        if name == 'brightness':
            base = torch.zeros_like(image)
        elif name == 'contrast':
            base = _gray(image).mean()
        else:
            base = _gray(image)
        image = (factor * image + (1 - factor) * base).clamp(0, 1)
    return image


def _gray(image: Tensor) -> Tensor:
    """Luma (1, H, W) with the weights of ITU-R 601."""
    red, green, blue = image
    return (0.2989 * red + 0.587 * green + 0.114 * blue).unsqueeze(0)


def _turn_hue(image: Tensor, factor: float) -> Tensor:
    """Add to the hue in HSV, where the value is the largest channel."""
    value, smallest = image.max(0).values, image.min(0).values
    spread = value - smallest
    is_gray = spread == 0
    saturation = spread / torch.where(is_gray, 1., value)
    red, green, blue = (value - image) / torch.where(is_gray, 1., spread)
    # sixths of a turn, from the channel that is largest (red before green)
    hue = torch.where(
        image[0] == value, blue - green,
        torch.where(image[1] == value, 2 + red - blue, 4 + green - red))
    hue = torch.fmod(hue / 6 + 1, 1)
    hue = (hue + factor) % 1

    sextant = torch.floor(hue * 6)
    rest = hue * 6 - sextant
    low = (value * (1 - saturation)).clamp(0, 1)
    falling = (value * (1 - saturation * rest)).clamp(0, 1)
    rising = (value * (1 - saturation * (1 - rest))).clamp(0, 1)
    # (red, green, blue) in each of the six sextants
    table = torch.stack([
        torch.stack([value, falling, low, low, rising, value]),
        torch.stack([rising, value, value, falling, low, low]),
        torch.stack([low, low, rising, value, value, falling])
    ])  # (3, 6, H, W)
    chosen = (sextant.long() % 6).expand(3, 1, *sextant.shape)
    return table.gather(1, chosen).squeeze(1)
