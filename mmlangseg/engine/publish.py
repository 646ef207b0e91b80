"""Writing a trained model as a folder that needs nothing else."""
from __future__ import annotations
import copy
import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import CheckpointLoader
from safetensors.torch import save_file
from torch import nn

from mmlangseg.compat.loading import repair_checkpoint_loading
from mmlangseg.io.atomic_folder import atomic_folder
from mmlangseg.io.checkpoint_damage import CheckpointError
from mmlangseg.io.files import write_json
from mmlangseg.text import use_pretrained_encoders, use_saved_words
from mmlangseg.text.huggingface_config import use_own_tokenizer
from mmlangseg.version import __version__
from .checkpoint_check import plain_state, require_matching_checkpoint
from .model_folder import (CONFIG, FORMAT, MANIFEST, WEIGHTS, describe_file,
                           is_model_folder, pack_config, read_model_folder)
from .plain_config import FOLDER_KEYS, require_no_code
from .training_parts import drop_training_parts

_LIBRARIES = ('torch', 'mmengine', 'onedl-mmengine', 'mmcv', 'mmcv-lite',
              'onedl-mmcv', 'mmdet', 'onedl-mmdetection', 'mmdet3d',
              'mmsegmentation', 'onedl-mmsegmentation', 'transformers',
              'spconv')


def publish_model(config: Config, checkpoint: str | os.PathLike,
                  out: str | os.PathLike) -> None:
    """Write a model folder, whole or not at all.

    It holds ``model.safetensors``, the resolved config as ``config.json``
    with words and class names in it, the tokenizer of a pretrained text
    encoder, and ``mmlangseg.json`` with thresholds, versions and the SHA-256
    of each file. What only training needs is left out.

    Args:
        config: That the checkpoint was trained with.
        checkpoint: Its file.
        out: The folder, which must be new, empty, or a model folder, which is
            replaced.

    Raises:
        CheckpointError: The checkpoint is of another model.
        ValueError: ``out`` holds something else, or the config names classes
            or files that are not in this package.
    """
    out = Path(out)
    if out.exists() and not (out.is_dir() and
                             (is_model_folder(out) or not any(out.iterdir()))):
        raise ValueError(f'{out} exists and is no model folder: it is left as '
                         'it is, name another one')
    with atomic_folder(out, replace=True) as new:
        _write_files(config, str(checkpoint), new)
        read_model_folder(new)  # before it replaces another one


def _write_files(config: Config, checkpoint: str, folder: Path) -> None:
    name = config.filename or 'the config'
    content = {
        key: copy.deepcopy(value)
        for key, value in config.to_dict().items() if key in FOLDER_KEYS
    }
    model = content['model']
    repair_checkpoint_loading()
    state = plain_state(
        CheckpointLoader.load_checkpoint(checkpoint, 'cpu', logger='silent'),
        checkpoint)
    use_pretrained_encoders(model)
    use_saved_words(model, state, checkpoint)
    drop_training_parts(model)
    paths = use_own_tokenizer(model, folder)
    init_default_scope(content['default_scope'])
    network = MODELS.build(
        unpacked_paths(copy.deepcopy(content), paths, folder)['model'])
    require_matching_checkpoint(network, state, checkpoint)
    _write_weights(network, state, checkpoint, folder / WEIGHTS)
    _name_classes(model, network)
    _require_no_files(model, paths, name)
    packed, tuples = pack_config(content)
    require_no_code(packed, name)
    write_json(folder / CONFIG, packed, indent=1)
    # safetensors writes for the owner only
    shutil.copymode(folder / CONFIG, folder / WEIGHTS)
    written = sorted(path for path in folder.rglob('*') if path.is_file())
    write_json(
        folder / MANIFEST,
        dict(
            format=FORMAT,
            model=type(network).__name__,
            thresholds=dict(_thresholds(model, 'model')),
            versions=_versions(),
            tuples=tuples,
            paths=paths,
            files={
                path.relative_to(folder).as_posix(): describe_file(path)
                for path in written
            }),
        indent=1)


def unpacked_paths(content: dict, paths: list[str], folder: Path) -> dict:
    """Let the paths of a config, given by dotted keys, begin in a folder."""
    for path in paths:
        node: Any = content
        *parents, last = path.split('.')
        for key in parents:
            node = node[int(key) if isinstance(node, list) else key]
        node[last] = str(folder / node[last])
    return content


def _write_weights(network: nn.Module, state: dict, checkpoint: str,
                   path: Path) -> None:
    """Write those that have a place in the network."""
    weights = {}
    for name in network.state_dict():
        value = state.get(name)
        if value is None:  # such as tables of indices
            continue
        if not isinstance(value, torch.Tensor):
            raise CheckpointError(
                f'{checkpoint}: {name} is {type(value).__name__}, safetensors '
                'hold tensors only: this model cannot be published')
        # a copy, as two names may share one memory
        weights[name] = value.detach().clone().contiguous()
    save_file(weights, path, metadata=dict(format='pt'))


def _name_classes(config: dict, network: nn.Module) -> None:
    """Let the config have the classes, in place of where they stand."""
    vocabulary = getattr(network, 'vocabulary', None)
    if (dataclasses.is_dataclass(vocabulary)
            and not isinstance(vocabulary, type)):
        config['vocabulary'] = json.loads(
            json.dumps(dataclasses.asdict(vocabulary)))  # no tuples


def _require_no_files(config: dict, own: list[str], name: str) -> None:
    """Refuse what lies on this machine only."""
    for path, value in _strings(config, 'model'):
        if path not in own and os.sep in value and os.path.exists(value):
            raise ValueError(
                f'{name}: {path}={value} lies on this machine, so that the '
                'model would not work elsewhere: name what is on the hub, or '
                'leave it out with --cfg-options')


def _strings(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from _strings(child, f'{path}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from _strings(child, f'{path}.{index}')


def _thresholds(node: Any, path: str) -> Iterator[tuple[str, float]]:
    if not isinstance(node, dict):
        return
    for key, child in node.items():
        if key.endswith('threshold') and isinstance(child, (int, float)):
            yield f'{path}.{key}', child
        yield from _thresholds(child, f'{path}.{key}')


def _versions() -> dict[str, str]:
    found = dict(mmlangseg=__version__)
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
    return found
