"""Refusing the checkpoint of another model."""
from __future__ import annotations
import re
from collections import OrderedDict

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor, nn

from mmlangseg.io.checkpoint_damage import CheckpointError
from .checkpoint_origin import describe_differences, describe_origin
from .checkpoint_values import (is_weight, require_sound_weights,
                                require_training_state, same_size)

_ASIDE = re.compile(r'loss|^(.*\.)?data_preprocessor\.')


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Stop when a checkpoint does not belong to the model.

    MMEngine loads whatever names agree and only warns about the rest, so a
    checkpoint of another model tests a partly random one. ``tools/test.py``
    adds this hook, and ``tools/train.py`` with ``--resume``.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the checkpoint with the model.

        Raises:
            ValueError: See :func:`require_matching_checkpoint`; or there is
                no training to resume in it.
        """
        source = str(getattr(runner, '_load_from', None) or 'the checkpoint')
        require_matching_checkpoint(runner.model, checkpoint, source)
        if getattr(runner, '_resume', False):
            parts = ['message_hub', 'optimizer']
            if runner.param_schedulers:
                parts.append('param_schedulers')
            require_training_state(checkpoint, parts, source)


def require_matching_checkpoint(model: nn.Module,
                                checkpoint: dict,
                                source: str = 'the checkpoint') -> None:
    """Refuse the checkpoint of another model.

    All weights of the model, such as parameters and the statistics of batch
    norm, must be in the checkpoint, by name and size, and whatever else it
    holds must have a place in the model. Aside are losses, which a model may
    lack in testing, and the colors of the preprocessor. A module that can
    load parameters of another length names them in ``resized_on_load``.

    Args:
        model: The model, may be wrapped.
        checkpoint: What the file holds, ``state_dict`` or the state itself.
        source: The file, for the message.

    Raises:
        CheckpointError: A weight is missing or superfluous, or has another
            size; or see :func:`require_sound_weights`.
    """
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    state = plain_state(checkpoint, source)
    known = model.state_dict()
    wanted = {n: value for n, value in known.items() if is_weight(value)}
    resized = _resized_on_load(model, state)
    wrong = {
        name: own
        for name, own in wanted.items()
        if state.get(name) is None or isinstance(state[name], Tensor)
        and not same_size(state[name], own, any_length=name in resized)
    }
    surplus = {
        name: value
        for name, value in state.items()
        if is_weight(value) and name not in known and not _ASIDE.search(name)
    }
    if wrong or surplus:
        raise CheckpointError(
            f'{source} is of another model than {type(model).__name__} '
            f'of this config: {len(wrong)} of {len(wanted)} weights are '
            f'missing or differ in size, {len(surplus)} others have no place '
            f'in it; {describe_differences(state, wrong, surplus)}.'
            f'{describe_origin(checkpoint)} Give the config that it was '
            'trained with, or another checkpoint')
    require_sound_weights(state, wanted, source)


def plain_state(checkpoint: dict, source: str = 'the checkpoint') -> dict:
    """Weights by name, without the ``module.`` of a wrapped model.

    Args:
        checkpoint: What the file holds, ``state_dict`` or the state itself.
        source: The file, for the message.

    Raises:
        CheckpointError: It holds something else.
    """
    state = checkpoint
    if isinstance(checkpoint, dict):
        state = checkpoint.get('state_dict', checkpoint)
    if not isinstance(state, dict) or not all(
            isinstance(name, str) for name in state):
        raise CheckpointError(
            f'{source} has no weights by name: it must be a dict of them, or '
            f'have one as `state_dict`, but that is a {type(state).__name__}')
    plain = OrderedDict(
        (name.removeprefix('module.'), value) for name, value in state.items())
    # the versions of the modules, by name without a dot at the end
    metadata = {
        f'{name}.'.removeprefix('module.')[:-1]: value
        for name, value in getattr(state, '_metadata', {}).items()
    }
    setattr(plain, '_metadata', metadata)
    return plain


def _resized_on_load(model: nn.Module, state: dict) -> list[str]:
    """Parameters that their module fits to the model, by what it has saved
    about them."""
    names = []
    for prefix, module in model.named_modules():
        prefix = f'{prefix}.' if prefix else ''
        own = [prefix + n for n in getattr(module, 'resized_on_load', ())]
        if f'{prefix}_extra_state' in state:
            names += [name for name in own if name in state]
    return names
