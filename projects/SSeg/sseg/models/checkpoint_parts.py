from __future__ import annotations

from torch import Tensor, nn

_PARTS = ('text_encoder', 'text_projection', 'visual_projection',
          'decode_head')


def require_own_parts(model: nn.Module, state_dict: dict, prefix: str) -> None:
    """Refuse a checkpoint of which a part was made by another config.

    MMEngine would keep random weights where names or shapes differ, and leave
    out what has no place. A checkpoint without a part, such as that of a
    backbone, passes.

    Args:
        model (nn.Module): With some of the parts.
        state_dict (dict): What is to be loaded.
        prefix (str): Of the model's names in it.

    Raises:
        ValueError: A weight of a part is missing, has another shape, or has
            no place in the model.
    """
    for part in _PARTS:
        module = getattr(model, part, None)
        start = f'{prefix}{part}.'
        saved = {
            name.removeprefix(start): value
            for name, value in state_dict.items() if name.startswith(start)
        }
        if module is None or not saved:
            continue
        fault = _difference(module, saved)
        if fault:
            raise ValueError(
                f'the checkpoint was trained with another '
                f'{part.replace("_", " ")} than the {type(module).__name__} '
                f'of this config: {start}{fault}. Give the config that it was '
                f'trained with, or correct model.{part}')


def _difference(module: nn.Module, saved: dict) -> str | None:
    """What is wrong with the first weight that does not fit; None if all
    do."""
    resized = _resized_on_load(module, saved)
    for name, own in module.named_parameters():
        found = saved.get(name)
        if found is None or (found.shape != own.shape and name not in resized):
            found = 'missing' if found is None else tuple(found.shape)
            return f'{name} should be {tuple(own.shape)}, but is {found}'
    known = module.state_dict().keys()
    for name, value in saved.items():
        # tables of indices come and go with the versions of the libraries
        if name not in known and isinstance(value, Tensor) and \
                value.is_floating_point():
            return f'{name}, {tuple(value.shape)}, has no place in it'
    return None


def _resized_on_load(module: nn.Module, saved: dict) -> set[str]:
    """Names of weights that their module fits to its size, by what it has
    saved about them; see :func:`require_matching_checkpoint`."""
    names = set()
    for path, child in module.named_modules():
        start = f'{path}.' if path else ''
        if f'{start}_extra_state' in saved:
            names |= {
                start + name
                for name in getattr(child, 'resized_on_load', ())
            }
    return names
