"""Refusing checkpoints whose weights are no numbers of a trained model."""
from __future__ import annotations
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmlangseg.io.checkpoint_damage import CheckpointError

_REMEDY = ('the file is damaged, was not written by a training, or that '
           'training diverged: take another checkpoint')


def require_sound_weights(state: Mapping[str, object],
                          wanted: Mapping[str, Tensor], source: str) -> None:
    """Refuse weights of another kind than the model's.

    PyTorch casts whatever it is given: integers and the real part of complex
    numbers become weights, and a model with NaN gives masks as well.

    Args:
        state: What a checkpoint holds, by name.
        wanted: The floating point weights of the model, by name.
        source: The file, for the message.

    Raises:
        CheckpointError: A weight is no tensor of floating point numbers, is
            not finite, or is a negative variance.
    """
    for name, own in wanted.items():
        if name in state:
            problem = _problem(name, state[name], own)
            if problem is not None:
                raise CheckpointError(f'{source}: {name} {problem}; {_REMEDY}')


def _problem(name: str, value: Any, own: Tensor) -> str | None:
    if not isinstance(value, Tensor):
        return f'is {type(value).__name__} {str(value)[:40]!r}, not a tensor'
    if not value.is_floating_point():
        return f'is of {value.dtype}, not of floating point numbers'
    if value.dtype.itemsize == 1:  # float8 has few operations
        value = value.float()
    # constants, such as masks of attention, may be infinite
    if own.isfinite().all() and not value.isfinite().all():
        count = int((~value.isfinite()).sum())
        return f'has {count} of {value.numel()} values that are not finite'
    if name.endswith('running_var') and bool((value < 0).any()):
        return 'is a variance with negative values'
    return None


def require_training_state(checkpoint: Mapping[str, object],
                           parts: Sequence[str], source: str) -> None:
    """Refuse to resume from weights alone.

    Args:
        checkpoint: What the file holds.
        parts: Entries that the training needs, such as ``optimizer``.
        source: The file, for the message.

    Raises:
        CheckpointError: The progress of the training or one of the parts is
            missing; MMEngine would start the optimizer and the schedulers
            anew without a word.
    """
    meta = checkpoint.get('meta')
    progress = meta if isinstance(meta, dict) else {}
    missing = [
        f'meta.{key}'
        for key in ('epoch', 'iter') if not isinstance(progress.get(key), int)
    ] + [part for part in parts if part not in checkpoint]
    if missing:
        raise CheckpointError(
            f'{source} cannot be resumed: it lacks {", ".join(missing)}. It '
            'holds weights only; to begin a new training with them, leave out '
            f'--resume and give --cfg-options load_from={source}')


def is_weight(value: object) -> bool:
    """Whether it is floating point; tables of indices come and go with the
    versions of the libraries."""
    return isinstance(value, Tensor) and value.is_floating_point()


def same_size(saved: Tensor, own: Tensor, any_length: bool = False) -> bool:
    """Whether PyTorch can load one into the other.

    Args:
        saved: Weight of a checkpoint.
        own: That of the model.
        any_length: Whether the first dimension may differ.
    """
    if any_length:
        return saved.dim() == own.dim() and saved.shape[1:] == own.shape[1:]
    # a scalar may be stored as a vector of length 1
    return saved.shape == own.shape or (own.dim() == 0
                                        and saved.shape == (1, ))
