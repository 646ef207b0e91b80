"""Pretrained models of transformers, whole or not at all."""
from __future__ import annotations
import re
from typing import Any

from torch import nn

_NAMED = 3  # keys that a message gives


def load_pretrained(auto_class: Any,
                    name: str,
                    unused: str | None = None,
                    **options) -> nn.Module:
    """Load a model of transformers and refuse a checkpoint with gaps.

    transformers draws the weights that a checkpoint lacks at random and logs
    a table; the model then runs all the same.

    Args:
        auto_class: Such as ``transformers.AutoModel``.
        name: Folder, or name on the hub.
        unused: Regular expression of how the names of weights begin that
            the caller does not use; these may be missing.
        **options: Further arguments of ``auto_class.from_pretrained``.

    Returns:
        nn.Module: The model, with all weights of the checkpoint.

    Raises:
        ValueError: Weights are missing or have another shape; names them.
    """
    try:
        model, report = auto_class.from_pretrained(
            name, output_loading_info=True, **options)
    except RuntimeError as error:  # shapes, and failed conversions
        raise ValueError(
            f'{name}: the weights do not fit the model that its config.json '
            f'describes ({error}). Load the weights and the config.json of '
            'one model') from error
    missing = sorted(key for key in report['missing_keys']
                     if unused is None or not re.match(unused, key))
    if missing:
        others = sorted(report['unexpected_keys'])
        instead = f' (it has {_few(others)} instead)' if others else ''
        raise ValueError(
            f'{name} lacks {len(missing)} weights of '
            f'{type(model).__name__}, which would be random: '
            f'{_few(missing)}{instead}. Name a checkpoint of this model, or '
            'write it again with save_pretrained of the whole model')
    return model


def _few(keys: list[str]) -> str:
    more = f', ... ({len(keys)})' if len(keys) > _NAMED else ''
    return ', '.join(keys[:_NAMED]) + more
