"""A trained model as a folder: weights, config, words and checksums."""
from __future__ import annotations
import json
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from mmlangseg.io.digest import sha256_of
from mmlangseg.io.files import resolve_inside
from .plain_config import CODE_KEYS, require_no_code

MANIFEST = 'mmlangseg.json'
CONFIG = 'config.json'
WEIGHTS = 'model.safetensors'
FORMAT = 1
_SUFFIXES = ('.json', '.safetensors', '.txt', '.model')
_AGAIN = ('download the folder again, or write it again with '
          'tools/publish_model.py')


class ModelFolderError(ValueError):
    """A model folder is damaged, incomplete, or not to be trusted.

    The message is for users: tools print it without a traceback.
    """


def is_model_folder(path: str | os.PathLike) -> bool:
    """Whether a folder says that it holds a published model."""
    return os.path.isfile(os.path.join(path, MANIFEST))


def read_model_folder(path: str | os.PathLike) -> tuple[Config, str]:
    """Read what ``tools/publish_model.py`` has written.

    Every file is compared with its checksum, and nothing in the folder is
    executed: the config is JSON, see :func:`require_no_code`, the weights are
    safetensors. Packages of mmlangseg that the config names are imported.

    Args:
        path: The folder.

    Returns:
        tuple[Config, str]: The config, whose ``filename`` is that in the
        folder, and the file of the weights.

    Raises:
        ModelFolderError: It is no such folder, a file in it is missing, cut
            off or altered, or the config would run code.
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    for name, known in manifest['files'].items():
        _check_file(folder, name, known)
    _require_listed(folder, manifest['files'])
    source = folder / CONFIG
    config = _read_dict(source)
    try:
        require_no_code(config, str(source))
    except ValueError as error:
        raise ModelFolderError(str(error)) from None
    config = unpack_config(config, manifest['tuples'], manifest['paths'],
                           folder)
    imports = config.get('custom_imports')
    if imports:
        try:
            import_modules_from_strings(imports['imports'])
        except ImportError as error:
            raise ModelFolderError(
                f'{source}: custom_imports: {error}; install what the system '
                'needs, see docs/install.md, or a newer mmlangseg') from None
    return Config(config, filename=str(source)), str(folder / WEIGHTS)


def pack_config(config: dict) -> tuple[dict, list[str]]:
    """Turn a config into what JSON can hold.

    Args:
        config: Plain dicts, lists, tuples, strings and numbers.

    Returns:
        tuple: It with lists in place of tuples, and where they were, as
        dotted keys.

    Raises:
        ValueError: It holds something else, or a key is no string.
    """
    tuples: list[str] = []

    def pack(node: Any, path: str) -> Any:
        if isinstance(node, dict):
            for key in node:
                if not isinstance(key, str) or '.' in key:
                    raise ValueError(f'{path}: the key {key!r} is not a name, '
                                     'which JSON cannot keep')
            return {k: pack(v, f'{path}.{k}') for k, v in node.items()}
        if isinstance(node, (list, tuple)):
            if isinstance(node, tuple):
                tuples.append(path.lstrip('.'))
            return [pack(v, f'{path}.{i}') for i, v in enumerate(node)]
        if node is None or type(node) in (bool, int, float, str):
            return node
        raise ValueError(f'{path.lstrip(".")} is a {type(node).__name__}, not '
                         'plain data: write the name of a registered class')

    return pack(config, ''), tuples


def unpack_config(config: dict, tuples: list[str], paths: list[str],
                  folder: Path) -> dict:
    """Undo :func:`pack_config`, and let paths begin in the folder.

    Args:
        config: Of the JSON file.
        tuples: Dotted keys of what was a tuple.
        paths: Dotted keys of paths that are relative to the folder.
        folder: It.
    """
    was_tuple, is_path = set(tuples), set(paths)

    def unpack(node: Any, path: str) -> Any:
        key = path.lstrip('.')
        if isinstance(node, dict):
            return {k: unpack(v, f'{path}.{k}') for k, v in node.items()}
        if isinstance(node, list):
            items = [unpack(v, f'{path}.{i}') for i, v in enumerate(node)]
            return tuple(items) if key in was_tuple else items
        if key in is_path:
            return resolve_inside(folder, str(node))
        return node

    return unpack(config, '')


def describe_file(path: Path) -> dict:
    """Size in bytes and SHA-256 of a file, for the manifest."""
    return dict(bytes=path.stat().st_size, sha256=sha256_of(path))


def _read_manifest(folder: Path) -> dict:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ModelFolderError(f'{folder} is no folder')
    if not path.is_file():
        raise ModelFolderError(
            f'{folder} is no model folder, as it has no {MANIFEST}: write one '
            'with tools/publish_model.py CONFIG CHECKPOINT FOLDER, or give a '
            'config and a checkpoint')
    manifest = _read_dict(path)
    if manifest.get('format') != FORMAT:
        raise ModelFolderError(
            f'{path}: format={manifest.get("format")!r}, this version reads '
            f'{FORMAT}: install the mmlangseg that wrote it, or {_AGAIN}')
    files = manifest.get('files')
    lists = [manifest.get('tuples'), manifest.get('paths')]
    if not isinstance(files, dict) or not all(
            isinstance(each, list) for each in lists):
        raise ModelFolderError(f'{path} is damaged: {_AGAIN}')
    for name in (CONFIG, WEIGHTS):
        if name not in files:
            raise ModelFolderError(f'{path} does not list {name}: {_AGAIN}')
    return manifest


def _check_file(folder: Path, name: str, known: Any) -> None:
    try:
        path = Path(resolve_inside(folder, name))
    except ValueError as error:
        raise ModelFolderError(
            f'{folder / MANIFEST}: {error}; {_AGAIN}') from None
    if path.suffix not in _SUFFIXES:
        raise ModelFolderError(
            f'{path} is of a kind that no model folder has ({MANIFEST} lists '
            f'it); {_AGAIN}')
    if not path.is_file():
        raise ModelFolderError(f'{path} is missing: {_AGAIN}')
    if not isinstance(known, dict):
        raise ModelFolderError(f'{folder / MANIFEST} is damaged: {_AGAIN}')
    found = path.stat().st_size
    if found != known.get('bytes'):
        raise ModelFolderError(
            f'{path} has {found:,} bytes, not {known.get("bytes")}: it is cut '
            f'off or another file; {_AGAIN}')
    if describe_file(path)['sha256'] != known.get('sha256'):
        raise ModelFolderError(
            f'{path} was altered: its SHA-256 is not that of {MANIFEST}; '
            f'{_AGAIN}')
    if path.suffix == '.json' and name != CONFIG:
        for key in CODE_KEYS:
            if key in path.read_text(encoding='utf-8', errors='replace'):
                raise ModelFolderError(
                    f'{path} names {key}, by which code of the model would '
                    'run: only take the model from whom you trust, and then '
                    'give its config and checkpoint as files')


def _require_listed(folder: Path, files: dict) -> None:
    """Refuse other files in the folders below, all of which tokenizers
    read."""
    for path in sorted(folder.glob('*/**/*')):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith('.') for part in Path(name).parts)
        if path.is_file() and not hidden and name not in files:
            raise ModelFolderError(
                f'{path} does not belong to the model, {MANIFEST} does not '
                f'list it: move it away, or {_AGAIN}')


def _read_dict(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(
            f'{path} is damaged: {error}; {_AGAIN}') from None
    if not isinstance(content, dict):
        raise ModelFolderError(f'{path} must hold a dict; {_AGAIN}')
    return content
