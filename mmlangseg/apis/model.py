from __future__ import annotations
import os
from typing import Optional

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.utils import import_modules_from_strings

from mmlangseg.compat import repair_checkpoint_loading
from mmlangseg.engine import require_matching_checkpoint


def load_model(config: str | os.PathLike | Config,
               checkpoint: Optional[str],
               device: Optional[str] = None) -> tuple[torch.nn.Module, Config]:
    """Build the model of a config for inference.

    Args:
        config: The config that the checkpoint was trained with, or its path.
        checkpoint: File of the trained weights, or a URL. None keeps the
            initial weights, for trying things out.
        device: Such as ``cuda:0`` or ``cpu``. Defaults to a GPU if there is
            one.

    Returns:
        tuple: The model in evaluation mode, and the config.

    Raises:
        ValueError: The checkpoint is of another model.
    """
    if not isinstance(config, Config):
        config = Config.fromfile(config)
    if 'custom_imports' in config:  # a Config may be made in memory
        import_modules_from_strings(**config.custom_imports)
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    init_default_scope(config.get('default_scope', 'mmengine'))
    model = MODELS.build(config.model)
    if checkpoint is not None:
        repair_checkpoint_loading()
        content = load_checkpoint(model, str(checkpoint), map_location='cpu')
        require_matching_checkpoint(model, content)
    return model.to(device).eval(), config


def test_dataset(config: Config) -> dict:
    """The config of the data set that the config tests on."""
    dataset = config.test_dataloader.dataset
    while 'dataset' in dataset:  # wrapped, for example by RepeatDataset
        dataset = dataset.dataset
    return dataset
