"""Refusing the checkpoint of another model."""
from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Stop when a checkpoint does not belong to the model.

    MMEngine loads whatever names agree and only warns about the rest, so a
    checkpoint of another model tests a mostly random one. ``tools/test.py``
    adds this hook.

    Args:
        min_matched: See :func:`require_matching_checkpoint`.
    """

    def __init__(self, min_matched: float = 0.9) -> None:
        self.min_matched = min_matched

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the checkpoint with the model.

        Raises:
            ValueError: Too few parameters are in the checkpoint.
        """
        require_matching_checkpoint(runner.model, checkpoint, self.min_matched)


def require_matching_checkpoint(model: nn.Module,
                                checkpoint: dict,
                                min_matched: float = 0.9) -> None:
    """Refuse the checkpoint of another model.

    Args:
        model: The model, may be wrapped.
        checkpoint: What the file holds, ``state_dict`` or the state itself.
        min_matched: The share of the model's parameters (by name and number
            of elements) that the checkpoint must hold. Below 1 because a
            converted checkpoint may lack a layer, of which MMEngine warns.

    Raises:
        ValueError: Too few parameters are in the checkpoint.
    """
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    state = checkpoint.get('state_dict', checkpoint)
    # number of elements: spconv may permute the axes while loading
    sizes = {
        name.removeprefix('module.'): value.numel()
        for name, value in state.items() if hasattr(value, 'numel')
    }
    wanted = {name: p.numel() for name, p in model.named_parameters()}
    missing = [
        name for name, size in wanted.items() if sizes.get(name) != size
    ]
    if len(wanted) - len(missing) < min_matched * len(wanted):
        raise ValueError(
            f'the checkpoint is of another model than '
            f'{type(model).__name__} of this config: '
            f'{len(missing)} of {len(wanted)} parameters are missing or '
            f'differ in size, the first is {missing[0]}. Give the config '
            'that it was trained with')
