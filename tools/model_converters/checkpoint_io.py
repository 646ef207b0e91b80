"""Reading foreign checkpoints and writing ours, for the converters here."""
from __future__ import annotations
import warnings
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

from mmlangseg.compat.loading import load_from_local
from mmlangseg.io.files import atomic_path

# Where research code keeps the weights inside a checkpoint file.
_WRAPPERS = ('state_dict', 'model_state_dict', 'net', 'model')
# Under this version mmdet3d leaves spconv's kernels as they are; anything
# else it takes for the layout of spconv 1 and permutes, without an error
# where the sizes happen to fit.
_SPCONV_VERSION = 2


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint without running code from it.

    Args:
        path (str | Path): A state dict, or a dict that holds one under the
            name 'state_dict', 'model_state_dict', 'net' or 'model'.

    Returns:
        dict[str, Tensor]: Weights by name, without the prefix ``module.``
        of DistributedDataParallel.
    """
    return find_weights(load_from_local(str(path), map_location='cpu'), path)


def find_weights(content: object, path: str | Path) -> dict[str, Tensor]:
    """Take the weights out of the content of a checkpoint.

    Args:
        content (object): What the file holds, see :func:`load_weights`.
        path (str | Path): The file, for the message.
    """
    for name in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict) or not content or not all(
            isinstance(value, Tensor) for value in content.values()):
        raise ValueError(
            f'{path}: no model weights found; expected a state dict, or a '
            f'dict with one under {", ".join(map(repr, _WRAPPERS))}')
    return {
        name.removeprefix('module.'): value
        for name, value in content.items()
    }


def save_checkpoint(path: str | Path, weights: dict[str, Tensor],
                    meta: dict) -> None:
    """Write a checkpoint for MMEngine's ``load_from``, atomically.

    Args:
        path (str | Path): Target file.
        weights (dict[str, Tensor]): Weights by name.
        meta (dict): Plain data on their origin.
    """
    with atomic_path(path) as tmp:
        torch.save(
            dict(state_dict=mark_kernel_layout(weights), meta=meta), tmp)


def mark_kernel_layout(weights: dict[str, Tensor]) -> OrderedDict:
    """State dict that declares kernels to be (out, k, k, k, in)."""
    state = OrderedDict(weights)
    modules = {name.rpartition('.')[0] for name in state}
    versions = ((module, dict(version=_SPCONV_VERSION))
                for module in sorted(modules))
    # where PyTorch keeps the versions of modules
    setattr(state, '_metadata', OrderedDict(versions))
    return state


def report(dropped: list[str], reason: str) -> None:
    """Warn about weights that have no place in our model."""
    if dropped:
        shown = ', '.join(dropped[:6]) + (', ...' if len(dropped) > 6 else '')
        warnings.warn(
            f'{len(dropped)} tensors left out ({reason}): {shown}',
            stacklevel=2)
