"""Reading a config with ``--cfg-options``, and refusing what has no effect."""
from __future__ import annotations
import difflib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config

from .config_path import find_config

# What MMEngine's runner, or a tool that builds one, takes from a config.
READ_KEYS = ('model', 'data_preprocessor', 'train_dataloader',
             'val_dataloader', 'test_dataloader', 'train_cfg', 'val_cfg',
             'test_cfg', 'val_evaluator', 'test_evaluator', 'optim_wrapper',
             'param_scheduler', 'auto_scale_lr', 'default_hooks',
             'custom_hooks', 'default_scope', 'custom_imports', 'work_dir',
             'experiment_name', 'load_from', 'resume', 'launcher', 'env_cfg',
             'log_processor', 'log_level', 'visualizer', 'randomness',
             'sync_bn', 'model_wrapper_cfg', 'find_unused_parameters',
             'runner_type', 'strategy', 'compile', 'activation_checkpointing',
             'efficient_conv_bn_eval', 'tta_model', 'tta_pipeline')
# Of dicts that no constructor checks.
_KNOWN = dict(
    env_cfg=('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    auto_scale_lr=('enable', 'base_batch_size'))
# Of the settings of parts of a model, which MMEngine's constructor, and ours,
# look up.
_PARTWISE = ('custom_keys', 'bias_lr_mult', 'bias_decay_mult',
             'norm_decay_mult', 'flat_decay_mult', 'dwconv_decay_mult',
             'dcn_offset_lr_mult', 'bypass_duplicate')
_CONSTRUCTORS = dict(
    DefaultOptimWrapperConstructor=_PARTWISE,
    PartwiseOptimWrapperConstructor=_PARTWISE,
    PretrainedTextConstructor=(*_PARTWISE, 'pretrained_text_lr'))
# Whose constructors would say it behind the building of model and data.
_TRAINING = ('val_begin', 'val_interval', 'dynamic_intervals')
_LOOPS = dict(
    EpochBasedTrainLoop=('max_epochs', *_TRAINING),
    IterBasedTrainLoop=('max_iters', *_TRAINING),
    ValLoop=('fp16', ),
    TestLoop=('fp16', ))
_LISTED = 3


def read_config(path: str | os.PathLike,
                options: dict[str, Any] | None = None,
                *,
                also_read: Sequence[str] = (),
                import_custom_modules: bool = True) -> Config:
    """Read a config file and change it by ``--cfg-options``.

    Args:
        path: The file.
        options: Values by dotted key.
        also_read: Keys at the top that the calling tool reads itself.
        import_custom_modules: See ``Config.fromfile``.

    Raises:
        SystemExit: An option or a key of the file has no effect, see
            :func:`check_options` and :func:`check_keys`.
    """
    path = find_config(str(path))
    cfg = Config.fromfile(path, import_custom_modules=import_custom_modules)
    change_config(cfg, path, options or {}, also_read)
    return cfg


def change_config(cfg: Config, path: str | os.PathLike, options: dict,
                  also_read: Sequence[str]) -> None:
    """Change a config by ``--cfg-options``; see :func:`read_config`.

    Args:
        cfg: It.
        path: Its file, for messages.
        options: Values by dotted key.
        also_read: Keys at the top that the calling tool reads itself.
    """
    try:
        check_options(cfg, options, also_read)
        cfg.merge_from_dict(options)
        check_keys(cfg, also_read)
    except (KeyError, TypeError, ValueError) as error:
        raise SystemExit(f'error: {path}: {error.args[0]}') from None


def check_options(
    cfg: Config, options: dict[str,
                               Any], also_read: Sequence[str] = ()) -> None:
    """Refuse options that nothing reads.

    New keys further down are left to the constructor that gets them; only
    dicts that are passed to none are looked at here.

    Raises:
        ValueError: A key is unknown, or it is a variable of the file, which
            has filled its place already.
    """
    read = read_keys(cfg, also_read)
    for key in options:
        first, *rest = key.split('.')
        if first in read:
            _check_settings(cfg, [first, *rest])
        elif first in cfg:
            raise ValueError(
                f'--cfg-options {key}: {first} is a variable of the config '
                'file, what was made from it would not change. '
                f'{_say_places(cfg, first, also_read)}')
        else:
            raise ValueError(f'--cfg-options {key}: nothing reads {first}'
                             f'{_suggest(first, [*read, *cfg.keys()])}')


def check_keys(cfg: Config, also_read: Sequence[str] = ()) -> None:
    """Refuse misspelled keys at the top of a config.

    Any name may be a variable there, so only what is close to a key that is
    read, and whose value is found nowhere else, is taken for a mistake.

    Raises:
        ValueError: A key is misspelled.
    """
    read = read_keys(cfg, also_read)
    # `test_pipeline` is a usual variable
    likely = [key for key in read if key != 'tta_pipeline']
    for key in cfg:
        if key in _KNOWN and isinstance(cfg[key], dict):
            _require_known(cfg[key], _KNOWN[key], key)
        close = difflib.get_close_matches(key, likely, 1, 0.88)
        if key not in read and close and not find_value(cfg, key, also_read):
            raise ValueError(f'nothing reads {key}{_suggest(key, read)}')
    for key in ('train_cfg', 'val_cfg', 'test_cfg'):
        loop = cfg.get(key)
        kind = loop.get('type') if isinstance(loop, dict) else None
        if isinstance(kind, str) and kind in _LOOPS:
            _require_known(loop, ('type', *_LOOPS[kind]), key)
    wrapper = cfg.get('optim_wrapper')
    if isinstance(wrapper, dict):
        _check_paramwise(wrapper, 'optim_wrapper')


def _check_paramwise(wrapper: dict, path: str) -> None:
    """Look at the settings of parts, of one optimizer or of several."""
    if 'optimizer' not in wrapper:
        for name, part in wrapper.items():
            if isinstance(part, dict):
                _check_paramwise(part, f'{path}.{name}')
        return
    kind = wrapper.get('constructor', 'DefaultOptimWrapperConstructor')
    settings = wrapper.get('paramwise_cfg')
    if kind not in _CONSTRUCTORS or not isinstance(settings, dict):
        return
    path = f'{path}.paramwise_cfg'
    if 'pretrained_text_lr' in settings and \
            'pretrained_text_lr' not in _CONSTRUCTORS[kind]:
        raise ValueError(
            f'{path}.pretrained_text_lr: {kind} does not read it; set '
            "optim_wrapper.constructor='PretrainedTextConstructor'")
    _require_known(settings, _CONSTRUCTORS[kind], path)
    for name, part in settings.get('custom_keys', {}).items():
        if isinstance(part, dict):
            _require_known(part, ('lr_mult', 'decay_mult'),
                           f'{path}.custom_keys.{name}')


def _require_known(settings: dict, known: Sequence[str], path: str) -> None:
    for name in settings:
        if name not in (*known, '_scope_', '_delete_'):
            raise ValueError(f'nothing reads {path}.{name}'
                             f'{_suggest(name, known)}')


def read_keys(cfg: Config, also_read: Sequence[str] = ()) -> list[str]:
    """Keys at the top of a config whose values are used."""
    read = [*READ_KEYS, *also_read]
    model = cfg.get('model')
    # MMEngine takes it where the model has none of its own
    if isinstance(model, dict) and model.get('data_preprocessor'):
        read.remove('data_preprocessor')
    if 'test_dataloader' not in cfg:  # how an inferencer prepares images
        read.append('test_pipeline')
    return read


def find_value(cfg: Config, name: str,
               also_read: Sequence[str] = ()) -> list[str]:
    """Where the value of a variable of the config is used, as dotted keys.

    Numbers and the like are found under their own name; words as a part of
    others, lists and dicts in larger ones.
    """
    value = cfg[name]
    return [
        path for key in read_keys(cfg, also_read) if key in cfg
        for path in _find(cfg[key], key, name, value)
    ]


def _find(node: Any, path: str, name: str, value: Any) -> Iterator[str]:
    own = path.rpartition('.')[2] == name
    if (own or isinstance(value, (str, dict, list, tuple))) \
            and value not in ('', [], {}) and _holds(node, value):
        yield path
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from _find(child, f'{path}.{key}', name, value)
    elif isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from _find(child, f'{path}.{index}', name, value)


def _holds(node: Any, value: Any) -> bool:
    if isinstance(value, str):
        return isinstance(node, str) and value in node
    if isinstance(value, dict):
        return isinstance(node, dict) and all(
            key == '_scope_' or key in node and _holds(node[key], child)
            for key, child in value.items())
    if isinstance(value, (list, tuple)):
        return isinstance(node, (list, tuple)) and any(
            all(map(_holds, node[first:first + len(value)], value))
            for first in range(len(node) - len(value) + 1))
    return type(node) is type(value) and node == value


def _check_settings(cfg: Config, parts: list[str]) -> None:
    """Refuse a misspelled key of ``model.test_cfg`` and the like, which
    models look things up in."""
    if parts[0] != 'model':
        return
    node, path = cfg.model, 'model'
    for part in parts[1:]:
        if not isinstance(node, dict):
            return
        settings = path.rpartition('.')[2] in ('train_cfg', 'test_cfg')
        if settings and part not in node and difflib.get_close_matches(
                part, list(node), 1, 0.8):
            raise ValueError(f'--cfg-options {".".join(parts)}: {path} has no '
                             f'{part}{_suggest(part, list(node))}')
        node, path = node.get(part), f'{path}.{part}'


def _say_places(cfg: Config, name: str, also_read: Sequence[str]) -> str:
    places = find_value(cfg, name, also_read)
    if not places:
        return 'Set the keys that use it'
    more = len(places) - _LISTED
    return f'Set {", ".join(places[:_LISTED])}' + (f' and {more} more'
                                                   if more > 0 else '')


def _suggest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.5)
    return f'. Did you mean {close[0]}?' if close else ''
