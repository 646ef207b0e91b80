from __future__ import annotations
import json
from pathlib import Path

from mmlangseg.io.huggingface_folder import (load_huggingface_config,
                                             naming_the_model)
from .sentence_transformers_folder import read_pooling

# Where the weights came from and how they were stored, which does not matter
# to those that are loaded next.
_OF_THE_FILE = ('_name_or_path', 'architectures', 'dtype', 'torch_dtype',
                'transformers_version', 'auto_map')


def use_own_tokenizer(model: dict, folder: Path) -> list[str]:
    """Make a model's config independent of its pretrained text encoder.

    The architecture of each :class:`HuggingFaceTextEncoder` goes into the
    config, in place of the name of the weights, which a checkpoint has, and
    its tokenizer into a folder.

    Args:
        model (dict): Config of the model, which is changed.
        folder (Path): Where the folder of a tokenizer is made.

    Returns:
        list[str]: Dotted keys of the tokenizers in the config, beginning with
        ``model``, whose values are relative to ``folder``.

    Raises:
        OSError: There is no such model.
        ValueError: It is damaged.
    """
    return _use_own(model, folder, 'model')


def _use_own(node: dict, folder: Path, path: str) -> list[str]:
    found = []
    for key, part in node.items():
        if isinstance(part, dict):
            found += _use_own(part, folder, f'{path}.{key}')
    if str(node.get('type')).split('.')[-1] != 'HuggingFaceTextEncoder':
        return found
    name = f'tokenizer{len(list(folder.glob("tokenizer*"))) or ""}'
    _save_tokenizer(node.get('tokenizer') or node['pretrained'], folder / name)
    node['tokenizer'] = name
    if node.get('pretrained') is not None:
        pretrained = node.pop('pretrained')
        config = load_huggingface_config(pretrained,
                                         node.pop('config_overrides', None))
        node['config'] = {
            key: value
            for key, value in json.loads(config.to_json_string()).items()
            if key not in _OF_THE_FILE
        }
        node['config']['model_type'] = config.model_type
        node['pooling'] = node.get('pooling') or read_pooling(pretrained)
    return [*found, f'{path}.tokenizer']


def _save_tokenizer(name: str, folder: Path) -> None:
    from transformers import AutoTokenizer
    with naming_the_model(name, 'the tokenizer'):
        AutoTokenizer.from_pretrained(name).save_pretrained(folder)
