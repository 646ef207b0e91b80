"""What a model of sentence-transformers says about its sentences."""
from __future__ import annotations
import json
import logging
import os
from pathlib import Path
from typing import TypeVar

from mmengine.logging import print_log

from .pooling import POOLING_MODES

_Content = TypeVar('_Content', list, dict)

# Until version 5 of sentence-transformers a mode was a flag of its own.
_FLAGS = dict(
    pooling_mode_cls_token='cls',
    pooling_mode_mean_tokens='mean',
    pooling_mode_max_tokens='max',
    pooling_mode_mean_sqrt_len_tokens='mean_sqrt_len_tokens',
    pooling_mode_weightedmean_tokens='weightedmean',
    pooling_mode_lasttoken='lasttoken')
# Normalize changes the length of a sentence's vector only. Here the vector
# stays as long as those of the words, beside which models read it.
_HARMLESS = ('Transformer', 'Pooling', 'Normalize', 'Dropout')
_REMEDY = 'set `pooling` of the text encoder to one of ' + ', '.join(
    map(repr, POOLING_MODES))


def read_pooling(pretrained: str) -> str | None:
    """Find out how a pretrained encoder makes a sentence of its tokens.

    sentence-transformers says so in ``modules.json`` and the ``config.json``
    of the folder that it names, usually ``1_Pooling``.

    Args:
        pretrained (str): Folder, or name on the hub.

    Returns:
        str, optional: One of :data:`POOLING_MODES`; None where the model does
        not say, as those of transformers.

    Raises:
        ValueError: It says something that is not supported, or a file is
            damaged.
    """
    path = _find(pretrained, 'modules.json')
    if path is None:
        return None
    folders = {}
    for module in _read(path, list):
        try:
            folders[module['type'].split('.')[-1]] = module['path']
        except (TypeError, KeyError, AttributeError):
            raise ValueError(
                f'{path}: each module needs the texts "type" and "path", got '
                f'{module!r}; get the file again, or {_REMEDY}') from None
    if 'Pooling' not in folders:
        return None
    if folders.get('Transformer'):
        raise ValueError(
            f'{path}: the encoder lies in the folder '
            f'{folders["Transformer"]!r}: set `pretrained` to it, and '
            f'{_REMEDY}, as the config.json in {folders["Pooling"]!r} says')
    others = [name for name in folders if name not in _HARMLESS]
    if others:
        raise ValueError(
            f'{path}: the sentence is made by {", ".join(others)}, too, which '
            f'is not supported; to do without, {_REMEDY}')
    name = f'{folders["Pooling"]}/config.json'
    path = _find(pretrained, name)
    if path is None:
        raise ValueError(f'{pretrained}: modules.json names {name}, which is '
                         f'not there; get the file, or {_REMEDY}')
    return _mode(path, _read(path, dict))


def _mode(path: str, config: dict) -> str:
    """The mode that the config of a Pooling names."""
    modes = config.get('pooling_mode')
    if modes is None:
        for flag, mode in _FLAGS.items():
            if not isinstance(config.get(flag, False), bool):
                raise ValueError(f'{path}: {flag} must be true or false, not '
                                 f'{config[flag]!r}; correct it, or {_REMEDY}')
        modes = [m for flag, m in _FLAGS.items() if config.get(flag, False)]
    modes = [modes] if isinstance(modes, str) else modes
    if not isinstance(modes, list) or len(modes) != 1 \
            or modes[0] not in POOLING_MODES:
        raise ValueError(f'{path}: the pooling {modes} is not supported: '
                         f'{_REMEDY}')
    return modes[0]


def _find(pretrained: str, name: str) -> str | None:
    """Path of a file of a folder or a model of the hub; None if it has no
    such file."""
    if os.path.isdir(pretrained):
        path = os.path.join(pretrained, name)
        return path if os.path.isfile(path) else None
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import (EntryNotFoundError,
                                        LocalEntryNotFoundError)
    known = try_to_load_from_cache(pretrained, name)
    if known is not None:  # else a mark that the hub has no such file
        return known if isinstance(known, str) else None
    try:
        return hf_hub_download(pretrained, name)
    except LocalEntryNotFoundError:  # no connection
        pass
    except EntryNotFoundError:
        return None
    except OSError:
        pass
    print_log(
        f'{pretrained}: the hub cannot be asked for {name}, so that it is not '
        'known how sentences are made of tokens; if the model is one of '
        f'sentence-transformers, {_REMEDY}', 'current', logging.WARNING)
    return None


def _read(path: str, kind: type[_Content]) -> _Content:
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except ValueError as error:  # no JSON, or no UTF-8
        raise ValueError(f'{path} is damaged: {error}; get the file again, '
                         f'or {_REMEDY}') from None
    if not isinstance(content, kind):
        raise ValueError(
            f'{path} must hold a {"list" if kind is list else "dict"}, not '
            f'{str(content)[:40]!r}; get the file again, or {_REMEDY}')
    return content
