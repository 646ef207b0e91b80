"""Weights of the original Swin Transformer under mmseg's names."""
from __future__ import annotations
import math
import re
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

# Pattern of the original name, mmseg's.
_RENAMES = [(re.compile(pattern), new) for pattern, new in (
    (r'^layers\.', 'stages.'),
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'\.attn\.', '.attn.w_msa.'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
)]
_TABLE = 'relative_position_bias_table'
# Buffers that are a function of the window size.
_BUFFERS = ('relative_position_index', 'attn_mask')


def rename_swin(name: str) -> str:
    """mmseg's name of a weight of the original Swin."""
    for pattern, new in _RENAMES:
        name = pattern.sub(new, name)
    return name


def reorder_swin(name: str, value: Tensor) -> Tensor:
    """Bring a weight of the original Swin into mmseg's order of channels.

    The original patch merging concatenates the four neighbors
    (0, 0), (1, 0), (0, 1), (1, 1) (row, column) with their channels
    together; mmseg's ``nn.Unfold`` keeps the neighbors of a channel together
    and goes along the rows.

    Args:
        name (str): Original or mmseg's name.
        value (Tensor): The weight.
    """
    if '.downsample.' not in name:
        return value
    neighbors = value.unflatten(-1, (4, -1))[..., [0, 2, 1, 3], :]
    return neighbors.transpose(-2, -1).flatten(-2)


def resize_bias_table(table: Tensor, length: int) -> Tensor:
    """Resize a table of relative position biases to another window.

    Args:
        table (Tensor): ((2 w - 1)^2, heads) for a window of w x w.
        length (int): Rows of the result, (2 w' - 1)^2.

    Returns:
        Tensor: (length, heads), interpolated bicubically.
    """
    side, new_side = math.isqrt(len(table)), math.isqrt(length)
    if side**2 != len(table) or new_side**2 != length:
        raise ValueError(f'a bias table has (2 w - 1)^2 rows, got '
                         f'{len(table)} and {length}')
    square = table.T.reshape(1, -1, side, side)
    square = F.interpolate(square, size=(new_side, new_side), mode='bicubic')
    return square.flatten(2)[0].T.contiguous()


def is_original_swin(names: Mapping[str, object]) -> bool:
    """Whether weights have the names of the original Swin."""
    return any(
        re.match(r'layers\.\d+\.blocks\.\d+\.attn\.qkv\.', name)
        for name in names)


def convert_swin(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring the weights of an original Swin to mmseg's names and order."""
    return {
        rename_swin(name): reorder_swin(name, value)
        for name, value in weights.items()
    }


def fit_windows(weights: Mapping[str, Tensor],
                own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fit weights with mmseg's names to the windows of a backbone.

    Args:
        weights (Mapping[str, Tensor]): For windows of any size.
        own (Mapping[str, Tensor]): State of the backbone.

    Returns:
        dict[str, Tensor]: With bias tables of the backbone's size, without
        what is a function of the window.
    """
    fitted = {}
    for name, value in weights.items():
        if name.endswith(_BUFFERS):
            continue
        if name.endswith(_TABLE) and name in own:
            shape = own[name].shape
            if value.shape != shape and value.shape[1:] == shape[1:]:
                value = resize_bias_table(value, shape[0])
        fitted[name] = value
    return fitted
