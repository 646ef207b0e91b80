from __future__ import annotations
import copy
import os
from types import EllipsisType

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import CheckpointLoader, load_state_dict
from mmengine.utils import import_modules_from_strings

from mmlangseg.compat.loading import repair_checkpoint_loading
from mmlangseg.engine import (model_source, plain_state,
                              require_matching_checkpoint)
from mmlangseg.engine.innermost_datasets import innermost_datasets
from mmlangseg.text import use_pretrained_encoders, use_saved_words


def open_model(model: str | os.PathLike | Config,
               checkpoint: str | os.PathLike | None | EllipsisType,
               scope: str,
               takes: str | None = None) -> tuple[Config, str | None]:
    """Read a config, or copy one, for an inferencer to change, and find the
    weights of its model.

    Args:
        model: See :func:`mmlangseg.engine.model_source.open_model`.
        checkpoint: See there.
        scope: The ``default_scope`` that the config must have.
        takes: See there.

    Raises:
        ValueError: It is a config of another system; or see there.
    """
    config, checkpoint = model_source.open_model(
        model, checkpoint, takes=takes)
    return load_config(config, scope), checkpoint


def load_config(config: str | os.PathLike | Config, scope: str) -> Config:
    """Read a config, or copy one, for an inferencer to change.

    Args:
        config: The config or its path.
        scope: The ``default_scope`` that it must have.

    Raises:
        ValueError: It is a config of another system.
    """
    if isinstance(config, Config):
        config = copy.deepcopy(config)
    else:
        config = Config.fromfile(config)
    use_pretrained_encoders(config.get('model', {}))
    if config.get('default_scope') != scope:
        raise ValueError(
            f'{config.filename or "the config"} has default_scope='
            f'{config.get("default_scope")!r}, not {scope!r}: scans need a '
            'config of LESS, images one of LAVT, SemiRES or S-Seg')
    return config


def load_model(config: Config,
               checkpoint: str | None,
               device: str | None = None) -> torch.nn.Module:
    """Build the model of a config for inference.

    Args:
        config: The config that the checkpoint was trained with.
        checkpoint: File of the trained weights, or a URL. None keeps the
            initial weights, for trying things out.
        device: Such as ``cuda:0`` or ``cpu``. Defaults to a GPU if there is
            one.

    Returns:
        The model in evaluation mode.

    Raises:
        ValueError: The checkpoint is of another model, or there is no such
            device.
    """
    if 'custom_imports' in config:  # a Config may be made in memory
        import_modules_from_strings(**config.custom_imports)
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if torch.device(device).type == 'cuda':
        if not torch.cuda.is_available():
            raise ValueError(f'device={device}: torch sees no GPU, use cpu')
        if torch.device(device).index is not None:
            torch.cuda.set_device(device)  # spconv runs on the current one
    init_default_scope(config.default_scope)
    if checkpoint is None:
        return MODELS.build(config.model).to(device).eval()
    repair_checkpoint_loading()
    state = plain_state(
        CheckpointLoader.load_checkpoint(str(checkpoint), 'cpu'),
        str(checkpoint))
    use_saved_words(config.model, state, str(checkpoint))
    model = MODELS.build(config.model)
    require_matching_checkpoint(model, state, str(checkpoint))
    load_state_dict(model, state, logger='current')
    return model.to(device).eval()


def test_dataset(config: Config) -> ConfigDict:
    """The config of the data set that the config tests on, the first if
    there are several.

    Raises:
        ValueError: There is none.
    """
    if config.get('test_dataloader') is None:
        raise ValueError(
            f'{config.filename or "the config"} has no test_dataloader, whose '
            'data set says how data are prepared: add one, or give a config '
            'that has it')
    return next(innermost_datasets(config.test_dataloader.dataset))
