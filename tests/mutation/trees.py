"""Harmless damage to one place of a tree of plain data."""
from __future__ import annotations
import copy
import math
from typing import Any

import numpy as np
import torch

VALUES = (None, True, 'x', '', '12', -1, 0, 1.5, 10**30, -10**30, 2**31,
          math.nan, math.inf, [], {}, [[]], ['x'])


def damage_tree(tree: Any, rng: np.random.Generator) -> tuple[str, Any, bool]:
    """Change one place.

    Returns:
        tuple: What was done and where; the new tree; and whether the place now
        has a value of a kind that cannot be meant.
    """
    tree = copy.deepcopy(tree)
    if not isinstance(tree, (dict, list)) or not tree:
        return 'empty', [], False
    holder, key, path = _place(tree, rng)
    choice = ['retype', 'retype', 'retype', 'remove', 'whole']
    if isinstance(holder, dict):
        choice += ['rename']
    else:
        choice += ['double', 'swap']
    name = choice[int(rng.integers(len(choice)))]
    strict = False
    if name == 'whole':  # the place itself in place of all
        return f'only {path}', holder[key], False
    if name == 'remove':
        del holder[key]
    elif name == 'rename':
        holder[f'{key}x'] = holder.pop(key)
    elif name == 'double':
        holder.insert(key, copy.deepcopy(holder[key]))
    elif name == 'swap':
        other = int(rng.integers(len(holder)))
        holder[key], holder[other] = holder[other], holder[key]
    else:
        old, new = holder[key], _another(holder[key], rng)
        holder[key], strict = new, _is_of_another_kind(old, new)
        name = f'{_short(new)} for'
    return f'{name} {path}', tree, strict


def _place(tree: Any, rng: np.random.Generator) -> tuple[Any, Any, str]:
    """Holder, key and path of a place: a walk down, so that a long list does
    not get all of the damage."""
    holder, path = tree, ''
    while True:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = keys[int(rng.integers(len(keys)))]
        path += f'.{key}'
        inner = holder[key]
        if (not isinstance(inner, (dict, list)) or not inner
                or rng.random() < 0.25):
            return holder, key, path[:60]
        holder = inner


def _another(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.names:
        changes = (value[:len(value) // 2], value[None], value[::-1],
                   np.zeros_like(value), value[list(value.dtype.names[:1])])
        return changes[int(rng.integers(len(changes)))]
    if isinstance(value, np.ndarray):
        changes = (value[:len(value) // 2], value.ravel(), value.astype(str),
                   value.astype(complex), value[None], value.tolist(),
                   np.full(value.shape, -1).astype(value.dtype),
                   value.astype(np.float64) * math.nan, value[..., :2])
        return changes[int(rng.integers(len(changes)))]
    if isinstance(value, torch.Tensor):
        changes = (value[:len(value) // 2] if value.ndim else value[None],
                   value.flatten()[:-1], value[None], value.tolist(),
                   value.bool(), value.to(torch.complex64),
                   value.double() * math.nan, value.double(), value.half())
        return changes[int(rng.integers(len(changes)))]
    return VALUES[int(rng.integers(len(VALUES)))]


def _is_of_another_kind(old: Any, new: Any) -> bool:
    """Whether the new value is what nobody could have meant there.

    None may stand for nothing; some formats write numbers as texts, others
    names and ids as numbers.
    """
    if new is None:
        return False
    if isinstance(old, np.ndarray):
        return not isinstance(new, list) and new.dtype.kind not in 'iufV'
    if isinstance(old, torch.Tensor):
        return isinstance(new, list) or new.is_complex() or (new.dtype
                                                             == torch.bool)
    if isinstance(old, float):
        return not isinstance(new, (int, float)) or not math.isfinite(new)
    if isinstance(old, str):
        return isinstance(new, (list, dict))
    return type(old) is not type(new) and new != '12'


def _short(value: Any) -> str:
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return f'{value.dtype} {tuple(value.shape)}'
    return repr(value)[:20]
