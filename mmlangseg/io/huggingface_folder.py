"""Pretrained networks of the transformers library, whole or not at all."""
from __future__ import annotations
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from .hub import is_unreachable

_JSON_FILES = ('config.json', 'tokenizer.json', 'tokenizer_config.json',
               'special_tokens_map.json', 'added_tokens.json', 'vocab.json')
_REMEDY = 'download the model again, and give the folder that it is in'


def load_huggingface_config(pretrained: str,
                            overrides: dict | None = None,
                            revision: str | None = None):
    """Read the ``config.json`` of a pretrained network.

    Args:
        pretrained (str): Folder, or name on the hub.
        overrides (dict, optional): Entries to replace.
        revision (str, optional): Version on the hub.

    Returns:
        PretrainedConfig: That of transformers.

    Raises:
        OSError: There is no such model.
        ValueError: The file is damaged, or has no such entries.
    """
    from transformers import AutoConfig

    # transformers repeats a request without an answer for half a minute
    cache_only = not os.path.isdir(pretrained) and is_unreachable(pretrained)
    with naming_the_model(pretrained, 'config.json'):
        config = AutoConfig.from_pretrained(
            pretrained, revision=revision, local_files_only=cache_only)
    unknown = [key for key in overrides or {} if not hasattr(config, key)]
    if unknown:
        raise ValueError(f'config_overrides: {pretrained} has no '
                         f'{", ".join(unknown)}')
    config.update(overrides or {})
    return config


def load_huggingface_network(pretrained: str,
                             overrides: dict | None = None,
                             *,
                             task: str | type = 'AutoModel',
                             revision: str | None = None) -> nn.Module:
    """Load a network with all of its weights.

    transformers gives random values to weights that the file lacks, and
    leaves out layers that the config does not count, with a note in its log.
    Here only the pooler of an encoder may be missing, whose output is not
    used.

    Args:
        pretrained (str): Folder, or name on the hub.
        overrides (dict, optional): Entries of the config to replace.
        task (str | type): Class of transformers that knows the class of the
            network, or its name: ``AutoModel`` for encoders.
        revision (str, optional): Version on the hub.

    Raises:
        OSError: There is no such model.
        ValueError: A file is damaged or of another model.
    """
    import transformers
    config = load_huggingface_config(pretrained, overrides, revision)
    with naming_the_model(pretrained, 'config.json or the weights'):
        loader = getattr(transformers, task) if isinstance(task, str) else task
        network, report = loader.from_pretrained(
            pretrained,
            config=config,
            revision=revision,
            ignore_mismatched_sizes=True,  # named below
            output_loading_info=True)
    for name, stored, wanted in sorted(report['mismatched_keys']):
        raise ValueError(
            f'{pretrained}: {name} is {tuple(stored)} in the file of the '
            f'weights and {tuple(wanted)} by config.json: one of them is of '
            f'another model; {_REMEDY}')
    missing = [
        name for name in report['missing_keys']
        if task != 'AutoModel' or 'pooler' not in name
    ]
    if missing:
        raise ValueError(
            f'{pretrained}: the file of the weights lacks {len(missing)} of '
            f'{len(network.state_dict())} that config.json asks for, such as '
            f'{min(missing)}{_instead(report["unexpected_keys"])}; {_REMEDY}, '
            'or write it again with save_pretrained of the whole network')
    if 'num_hidden_layers' not in (overrides or {}):
        kinds = {_without_numbers(name) for name in network.state_dict()}
        more = [
            name for name in report['unexpected_keys']
            if re.search(r'\d', name) and _without_numbers(
                name.removeprefix(f'{network.base_model_prefix}.')) in kinds
        ]
        if more:
            raise ValueError(
                f'{pretrained}: the weights have layers that config.json does '
                f'not count, such as {min(more)}: num_hidden_layers must be '
                f'that of the weights; {_REMEDY}')
    return network


def _instead(unexpected: Sequence[str]) -> str:
    return f' (it has {min(unexpected)} instead)' if unexpected else ''


def _without_numbers(name: str) -> str:
    return re.sub(r'\d+', '#', name)


@contextmanager
def naming_the_model(pretrained: str, part: str) -> Iterator[None]:
    """Say of which model and file the errors of transformers are, which are
    of any kind where a file is damaged.

    Args:
        pretrained (str): Folder, or name on the hub.
        part (str): What is being read.

    Raises:
        OSError: There is no such model.
        ValueError: It is damaged.
    """
    _check_json(pretrained, _JSON_FILES)
    try:
        yield
    except (ImportError, MemoryError):  # not the model's fault
        raise
    except BaseException as error:
        # Rust code of tokenizers panics, which is no Exception.
        panic = type(error).__name__ == 'PanicException'
        if not (panic or isinstance(error, Exception)):
            raise
        lines = str(error).strip().splitlines() or ['']
        reason = f'{type(error).__name__}: {lines[0][:300]}'
        if isinstance(error, OSError) and not os.path.isdir(pretrained):
            raise OSError(
                f'{pretrained} is no folder, and was not found on the hub or '
                f'in its cache ({reason}); where there is no connection, '
                'download the model elsewhere and set `pretrained` to its '
                'folder') from error
        raise ValueError(
            f'{pretrained}: {part} is damaged or of another model ({reason}); '
            f'{_REMEDY}') from error


def _check_json(folder: str, names: Sequence[str]) -> None:
    """Name the file that is no JSON, which transformers does not always."""
    for name in names:
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            continue
        try:
            with open(path, encoding='utf-8') as file:
                content = json.load(file)
        except ValueError as error:  # no JSON, or no UTF-8
            raise ValueError(
                f'{path} is damaged: {error}; {_REMEDY}') from None
        if not isinstance(content, dict):
            raise ValueError(f'{path} must hold a dict, not '
                             f'{str(content)[:40]!r}; {_REMEDY}')
