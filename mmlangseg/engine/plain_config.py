"""Configs that come with a model from elsewhere, and must not run code."""
from __future__ import annotations
import importlib
import importlib.util
import re
from typing import Any, Iterator

from mmlangseg.cli.config_keys import READ_KEYS

# What testing and inference read; the rest is of the training.
FOLDER_KEYS = ('default_scope', 'custom_imports', 'model', 'data_preprocessor',
               'test_pipeline', 'test_dataloader', 'test_evaluator',
               'test_cfg', 'tta_model', 'tta_pipeline', 'default_hooks',
               'custom_hooks', 'env_cfg', 'log_processor', 'log_level',
               'visualizer', 'randomness')
assert set(FOLDER_KEYS) - {'test_pipeline'} <= set(READ_KEYS)

_SCOPES = ('mmengine', 'mmdet', 'mmdet3d', 'mmseg')
_NAME = re.compile(rf'(?:({"|".join(_SCOPES)})\.)?([A-Za-z_]\w*)')
_OURS = re.compile(r'mmlangseg(\.\w+)*')
# What MMEngine unpickles, reads as YAML, which may hold objects, or executes.
_CODE_FILES = ('.pkl', '.pickle', '.pth', '.pt', '.bin', '.yml', '.yaml',
               '.py')
CODE_KEYS = ('trust_remote_code', 'auto_map')  # of transformers
_REMEDY = ('only take the model from whom you trust, and then give its config '
           'and checkpoint as files')


def require_no_code(config: dict, source: str) -> None:
    """Refuse a config by which somebody else could run code here.

    MMEngine imports whatever ``custom_imports``, ``_scope_`` and a ``type``
    with dots name, calls any function that a ``type`` names, and unpickles
    files of annotations. Here a ``type`` is what the registries know under a
    plain name, only packages of this one are imported, and nothing names a
    URL or a file that could hold code. ``info_file`` may be a pickle: our
    data sets read it without executing anything.

    Args:
        config: Of a model, as plain data.
        source: The file, for the message.

    Raises:
        ValueError: Names the key, and the remedy.
    """
    for key in config:
        if key not in FOLDER_KEYS:
            raise ValueError(f'{source}: {key} has no place in the config of '
                             f'a published model; {_REMEDY}')
    imports = config.get('custom_imports')
    if imports is not None:
        _require_own_imports(imports, source)
    config = {k: v for k, v in config.items() if k != 'custom_imports'}
    for path, value in _leaves(config, ''):
        problem = _problem(path.split('.'), value)
        if problem:
            raise ValueError(f'{source}: {path}={str(value)[:80]!r} '
                             f'{problem}; {_REMEDY}')


def _require_own_imports(imports: Any, source: str) -> None:
    names = imports.get('imports') if isinstance(imports, dict) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(
            isinstance(name, str) for name in names):
        raise ValueError(f'{source}: custom_imports must be a dict with the '
                         f'list `imports`; {_REMEDY}')
    for name in names:
        if not _OURS.fullmatch(name):
            raise ValueError(
                f'{source}: custom_imports names {name!r}, but only packages '
                f'of mmlangseg are imported for a published model; {_REMEDY}')


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All values of nested dicts and lists, and the dicts' keys in their
    paths."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield from _leaves(child, f'{path}.{key}'.lstrip('.'))
    elif isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from _leaves(child, f'{path}.{index}')
    else:
        yield path, node


def _problem(keys: list[str], value: Any) -> str | None:
    if set(keys) & set(CODE_KEYS):
        return 'would run code of the model'
    key = keys[-1]
    if not isinstance(value, str):
        return 'is no name' if key == 'type' else None
    if key in ('default_scope', '_scope_') and value not in _SCOPES:
        return f'is none of the libraries {", ".join(_SCOPES)}'
    if key == 'type':
        return _type_problem(value)
    if '://' in value:
        return 'is read from the network'
    if value.lower().endswith(_CODE_FILES) and key != 'info_file':
        return 'is a file that can hold code'
    return None


def _type_problem(name: str) -> str | None:
    """Whether MMEngine, which does not find a name in its registries, would
    import it."""
    match = _NAME.fullmatch(name)
    if match is None:
        return 'is no name of a registry'
    scope, name = match.groups()
    if scope is None:
        found = importlib.util.find_spec(name) is not None
    else:
        found = hasattr(importlib.import_module(scope), name)
    return 'is a module or function of Python' if found else None
