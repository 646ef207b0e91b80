"""What the checkpoint of another model is of, as far as it says so."""
from __future__ import annotations
import ast
from collections.abc import Mapping

from torch import Tensor

_SHOWN = 3


def describe_origin(checkpoint: object) -> str:
    """Say what wrote a checkpoint, for a message.

    Args:
        checkpoint: What the file holds. MMEngine's have ``meta`` with the
            config as text, which is parsed but not executed.

    Returns:
        Such as `` The file says: model SSeg, run sseg_toy_20260101_120000,
        work_dir work_dirs/sseg_toy.``, which begins with a blank; empty where
        it says nothing.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, Mapping) else None
    if not isinstance(meta, Mapping):
        return ''
    found = _read_config(meta.get('cfg'))
    found['run'] = meta.get('experiment_name')
    dataset = meta.get('dataset_meta')
    if isinstance(dataset, Mapping) and isinstance(
            dataset.get('classes'), (list, tuple)):
        found['classes'] = len(dataset['classes'])
    said = [
        f'{name} {str(found[name])[:80]}'
        for name in ('model', 'run', 'work_dir', 'classes')
        if found.get(name) is not None
    ]
    return f' The file says: {", ".join(said)}.' if said else ''


def _read_config(text: object) -> dict:
    """The type of the model and the work folder in the text of a config."""
    try:
        statements = ast.parse(text).body if isinstance(text, str) else []
    except (SyntaxError, ValueError, RecursionError):
        return {}
    values = {
        statement.targets[0].id: statement.value
        for statement in statements if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
    }
    kinds = {
        word.arg: word.value
        for word in getattr(values.get('model'), 'keywords', [])
    }
    found = dict(model=kinds.get('type'), work_dir=values.get('work_dir'))
    return {
        name: value.value
        for name, value in found.items() if isinstance(value, ast.Constant)
    }


def describe_differences(state: Mapping[str, object],
                         differing: Mapping[str, Tensor],
                         surplus: Mapping[str, Tensor]) -> str:
    """Name the first few weights that a checkpoint and a model do not share.

    Args:
        state: The weights of the checkpoint, by name.
        differing: Those of the model that it lacks or has in another size.
        surplus: Those of it that have no place in the model.
    """
    lines = []
    for name, own in list(differing.items())[:_SHOWN]:
        saved = state.get(name)
        what = (f'is {tuple(saved.shape)}'
                if isinstance(saved, Tensor) else 'is missing')
        lines.append(f'{name} should be {tuple(own.shape)}, but {what}')
    for name, saved in list(surplus.items())[:_SHOWN - len(lines)]:
        lines.append(f'{name} {tuple(saved.shape)} has no place in it')
    return '; '.join(lines)
