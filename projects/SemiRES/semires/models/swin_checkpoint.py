"""Weights of an image-only Swin for the backbone of LAVT."""
from __future__ import annotations
import re

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmlangseg.engine import CheckpointError
from mmlangseg.engine.checkpoint_values import require_sound_weights
from mmlangseg.engine.swin_names import (convert_swin, fit_windows,
                                         is_original_swin)

_IMAGE_PARTS = ('patch_embed.', 'stages.')


def load_swin_checkpoint(backbone: nn.Module, checkpoint: str) -> None:
    """Load a Swin, trained on images alone, into the backbone.

    Takes the names of the original Swin and those of mmseg, with or without
    the prefix ``backbone.``. Bias tables of another window are resized. What
    the backbone has besides an image-only Swin may be absent.

    Args:
        backbone (nn.Module): An mmseg ``SwinTransformer`` or subclass.
        checkpoint (str): Path or URL, as MMEngine takes it.

    Raises:
        CheckpointError: The checkpoint is no Swin, or one of another size.
    """
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    for name in ('state_dict', 'model'):
        content = content.get(name, content)
    weights = {
        re.sub(r'^(module\.)?(backbone\.)?', '', name): value
        for name, value in content.items() if isinstance(value, Tensor)
    }
    if is_original_swin(weights):
        weights = convert_swin(weights)
    own = backbone.state_dict()
    weights, expected = fit_windows(weights, own), fit_windows(own, own)
    missing = [
        name for name in expected
        if name.startswith(_IMAGE_PARTS) and name not in weights
    ]
    if missing:
        raise CheckpointError(
            f'{checkpoint} lacks {len(missing)} weights of the backbone, '
            f'such as {missing[0]}: it is no Swin Transformer, or one with '
            'fewer blocks; check `depths`')
    found = {}
    for name in expected.keys() & weights.keys():
        value, shape = weights[name], expected[name].shape
        if value.shape != shape:
            raise CheckpointError(
                f'{checkpoint}: {name} has shape {tuple(value.shape)}, the '
                f'backbone needs {tuple(shape)}; check `embed_dims`, '
                '`num_heads` and `patch_size`')
        found[name] = value
    require_sound_weights(found, expected, checkpoint)
    backbone.load_state_dict(found, strict=False)
    unused = sorted(weights.keys() - found.keys())
    if unused:
        print_log(
            f'{checkpoint}: not used: {", ".join(unused)}', logger='current')
