"""Weights of an image-only Swin for the backbone of LAVT."""
from __future__ import annotations
import math
import re

import torch.nn.functional as F
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

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
_IMAGE_PARTS = ('patch_embed.', 'stages.')


def rename_swin(name: str) -> str:
    """mmseg's name of a weight of the original Swin."""
    for pattern, new in _RENAMES:
        name = pattern.sub(new, name)
    return name


def reorder_swin(name: str, value: Tensor) -> Tensor:
    """Bring a weight of the original Swin into mmseg's order of channels.

    The original patch merging concatenates the four neighbours
    (0, 0), (1, 0), (0, 1), (1, 1) (row, column) with their channels
    together; mmseg's ``nn.Unfold`` keeps the neighbours of a channel together
    and goes along the rows.

    Args:
        name (str): Original or mmseg's name.
        value (Tensor): The weight.
    """
    if '.downsample.' not in name:
        return value
    neighbours = value.unflatten(-1, (4, -1))[..., [0, 2, 1, 3], :]
    return neighbours.transpose(-2, -1).flatten(-2)


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


def load_swin_checkpoint(backbone: nn.Module, checkpoint: str) -> None:
    """Load a Swin, trained on images alone, into the backbone.

    Takes the names of the original Swin and those of mmseg, with or without
    the prefix ``backbone.``. Bias tables of another window are resized. What
    the backbone has besides an image-only Swin may be absent.

    Args:
        backbone (nn.Module): An mmseg ``SwinTransformer`` or subclass.
        checkpoint (str): Path or URL, as MMEngine takes it.

    Raises:
        ValueError: The checkpoint is no Swin, or one of another size.
    """
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    for name in ('state_dict', 'model'):
        content = content.get(name, content)
    weights = {
        re.sub(r'^(module\.)?(backbone\.)?', '', name): value
        for name, value in content.items()
    }
    if any(name.startswith('layers.') for name in weights):
        weights = {
            rename_swin(name): reorder_swin(name, value)
            for name, value in weights.items()
        }
    weights = {
        name: value
        for name, value in weights.items() if not name.endswith(_BUFFERS)
    }
    expected = {
        name: value
        for name, value in backbone.state_dict().items()
        if not name.endswith(_BUFFERS)
    }
    missing = [
        name for name in expected
        if name.startswith(_IMAGE_PARTS) and name not in weights
    ]
    if missing:
        raise ValueError(
            f'{checkpoint} lacks {len(missing)} weights of the backbone, '
            f'such as {missing[0]}: it is no Swin Transformer, or one with '
            'fewer blocks; check `depths`')
    found = {}
    for name in expected.keys() & weights.keys():
        value, shape = weights[name], expected[name].shape
        if name.endswith(_TABLE) and value.shape[1:] == shape[1:]:
            if value.shape != shape:
                value = resize_bias_table(value, shape[0])
        if value.shape != shape:
            raise ValueError(
                f'{checkpoint}: {name} has shape {tuple(value.shape)}, the '
                f'backbone needs {tuple(shape)}; check `embed_dims`, '
                '`num_heads` and `patch_size`')
        found[name] = value
    backbone.load_state_dict(found, strict=False)
    unused = sorted(weights.keys() - found.keys())
    if unused:
        print_log(
            f'{checkpoint}: not used: {", ".join(unused)}', logger='current')
