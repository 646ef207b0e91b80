"""Pretrained weights are loaded, converted or refused, never left out."""
from __future__ import annotations
import functools
import logging
import os
import re
from collections.abc import Mapping

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmlangseg.compat.loading import load_from_local
from mmlangseg.io.checkpoint_damage import CheckpointError
from .checkpoint_origin import describe_differences, describe_origin
from .checkpoint_values import is_weight, require_sound_weights, same_size
from .swin_names import convert_swin, fit_windows, is_original_swin

_NUMBER = re.compile(r'\d+')
_LISTED = re.compile(r'\.\d+\.')  # of a layer in a list, such as a block


def watch_pretrained(model: nn.Module) -> None:
    """Check what ``init_cfg`` of the parts of a model loads, once it does.

    The backbones of MMSegmentation load whatever names agree and say nothing
    of the rest: of a file with other names nothing. A Swin with the names of
    its original code is converted. All else is refused in ``init_weights``
    by a CheckpointError if less than half of a part is found, a size differs,
    or the file has a layer for some blocks and not for others. What may be
    missing after that, such as the norms of outputs, is logged.

    Args:
        model: May be watched already. A part whose class sets
            ``checks_pretrained`` sees to its own weights.

    Raises:
        CheckpointError: A file is damaged, no checkpoint, or of another
            network.
    """
    for name, module in model.named_modules():
        config = _pretrained(module)
        if config is None:
            continue
        source = str(config.get('checkpoint'))
        key = f'{name}.init_cfg.checkpoint'.lstrip('.')
        _require_readable(key, source, config.get('prefix'))
        if not getattr(module, 'checks_pretrained', False):
            _check_once(module, functools.partial(_fill, key, source))


def watch_load_from(model: nn.Module, source: str) -> None:
    """Refuse a checkpoint to begin with that is of another model.

    A training may begin with parts of it, so half of its weights have to have
    a place in the model.

    Args:
        model: Of the runner, may be wrapped.
        source: The file.
    """
    while is_model_wrapper(model):
        model = model.module
    _check_once(model, functools.partial(_begin_with, source))


def _require_readable(key: str, source: str, prefix: str | None) -> None:
    """Read a file now, which MMEngine does behind the data."""
    if not os.path.isfile(os.path.expanduser(source)):  # a URL, for example
        return
    content = load_from_local(source, 'cpu')
    names = content.get('state_dict', content)
    if prefix and not any(name.startswith(prefix) for name in names):
        raise CheckpointError(
            f'{key}={source}: none of its {len(names)} weights has a name '
            f'that begins with {prefix}, the prefix of the config, but '
            f'{next(iter(names))} is one; it is of another network, so name '
            'another checkpoint, or the prefix of this one')


def _pretrained(module: nn.Module) -> dict | None:
    """The init_cfg of a module that names a checkpoint."""
    configs = getattr(module, 'init_cfg', None) or []
    if isinstance(configs, dict):
        configs = [configs]
    for config in configs:
        if isinstance(config, dict) and config.get('type') == 'Pretrained':
            return config
    return None


def _check_once(module: nn.Module, check) -> None:
    """Call ``check(module, state_dict)`` when a state dict is loaded into the
    module itself, for the first time."""
    if hasattr(module, '_pretrained_is_checked'):
        return
    module._pretrained_is_checked = False

    def hook(module, state_dict, prefix, *_):
        if not prefix and not module._pretrained_is_checked:
            module._pretrained_is_checked = True
            check(module, state_dict)

    # sees the names that MMSegmentation has made of those of the file
    module._register_load_state_dict_pre_hook(hook, with_module=True)


def _fill(key: str, source: str, module: nn.Module,
          state_dict: dict[str, Tensor]) -> None:
    """Convert weights, in place, and see that they fill the module."""
    own = {n: v for n, v in module.state_dict().items() if is_weight(v)}
    if is_original_swin(state_dict) and not is_original_swin(own):
        converted = fit_windows(convert_swin(state_dict), own)
        state_dict.clear()
        state_dict.update(converted)
    where = f'{key}={source}'
    kind = type(module).__name__
    found = _fitting(state_dict, own)
    wrong = [n for n in own if n in state_dict and n not in found]
    missing = [n for n in own if n not in found]
    if wrong:
        raise CheckpointError(
            f'{where}: {wrong[0]} is {tuple(state_dict[wrong[0]].shape)}, '
            f'{kind} needs {tuple(own[wrong[0]].shape)}: the checkpoint is '
            'of a network of another size')
    if sum(own[n].numel() for n in found) < sum(own[n].numel()
                                                for n in missing):
        raise CheckpointError(
            f'{where}: {len(found)} of the {len(own)} weights of {kind} are '
            f'in it, under these names and with these sizes; {missing[0]} '
            f'{tuple(own[missing[0]].shape)} is not, but '
            f'{next(iter(state_dict), "nothing")}. It is of another network, '
            'or has the names of another library: name a checkpoint of '
            'MMSegmentation, or convert it with its tools/model_converters')
    require_sound_weights(state_dict, own, where)
    layers = {_NUMBER.sub('#', n) for n in found}
    partly = [
        n for n in missing
        if _LISTED.search(n) and _NUMBER.sub('#', n) in layers
    ]
    if partly:
        raise CheckpointError(
            f'{where}: {partly[0]} is missing, though other layers have it: '
            f'the checkpoint is of a network with fewer layers than {kind} '
            'has by this config')
    if missing:
        print_log(
            f'{where} lacks {len(missing)} of {len(own)} weights of {kind}, '
            f'which keep their initial values: {", ".join(missing[:8])}'
            f'{", ..." if len(missing) > 8 else ""}', 'current')


def _begin_with(source: str, module: nn.Module,
                state_dict: dict[str, Tensor]) -> None:
    """See that a checkpoint is at least in part one of the model."""
    own = module.state_dict()
    saved = {n: v for n, v in state_dict.items() if is_weight(v)}
    found = _fitting(saved, own)
    kind = type(module).__name__
    if 2 * len(found) < len(saved) or not saved:
        example = next((n for n in saved if n not in found), 'nothing')
        raise CheckpointError(
            f'load_from={source}: {len(found)} of its {len(saved)} weights '
            f'have a place in {kind}; {example} has none. It is of another '
            'model, or has the names of other code.'
            f'{_describe_origin_of(source)} Name another checkpoint, or '
            'convert it (tools/model_converters)')
    require_sound_weights(saved, {n: own[n] for n in found}, source)
    initial = {n: v for n, v in own.items() if is_weight(v) and n not in found}
    surplus = {n: v for n, v in saved.items() if n not in own}
    if initial or surplus:
        print_log(
            f'load_from={source}: {len(found)} of its {len(saved)} weights '
            f'are taken; {len(initial)} of {kind} keep their initial values, '
            f'{len(surplus)} have no place in it: '
            f'{describe_differences(saved, initial, surplus)}. All are in '
            'the log file', 'current', logging.WARNING)


def _describe_origin_of(source: str) -> str:
    """What a file says of its model; its meta was not loaded into that."""
    if not os.path.isfile(source):
        return ''
    return describe_origin(
        CheckpointLoader.load_checkpoint(source, 'cpu', logger='silent'))


def _fitting(state: Mapping[str, Tensor], own: Mapping[str,
                                                       Tensor]) -> set[str]:
    return {
        name
        for name, value in own.items() if isinstance(state.get(name), Tensor)
        and same_size(state[name], value)
    }
