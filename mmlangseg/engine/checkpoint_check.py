"""Refusing the checkpoint of another model."""
from __future__ import annotations
import re
from collections import OrderedDict

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor, nn

_ASIDE = re.compile(r'loss|^(.*\.)?data_preprocessor\.')


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Stop when a checkpoint does not belong to the model.

    MMEngine loads whatever names agree and only warns about the rest, so a
    checkpoint of another model tests a partly random one. ``tools/test.py``
    adds this hook.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the checkpoint with the model.

        Raises:
            ValueError: See :func:`require_matching_checkpoint`.
        """
        require_matching_checkpoint(runner.model, checkpoint)


def require_matching_checkpoint(model: nn.Module, checkpoint: dict) -> None:
    """Refuse the checkpoint of another model.

    All weights of the model, such as parameters and the statistics of batch
    norm, must be in the checkpoint, by name and number of elements, and
    whatever else it holds must have a place in the model. Aside are losses,
    which a model may lack in testing, and the colours of the preprocessor. A
    module that can load parameters of another size names them in
    ``resized_on_load``.

    Args:
        model: The model, may be wrapped.
        checkpoint: What the file holds, ``state_dict`` or the state itself.

    Raises:
        ValueError: A weight is missing or superfluous, or has another size.
    """
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    state = plain_state(checkpoint)
    saved = {n: value for n, value in state.items() if _is_weight(value)}
    known = model.state_dict()
    wanted = {n: value for n, value in known.items() if _is_weight(value)}
    resized = _resized_on_load(model, state)
    wrong = {}
    for name, own in wanted.items():
        found = saved.get(name)
        # number of elements: spconv may permute the axes while loading
        if found is None or (found.numel() != own.numel()
                             and name not in resized):
            found = 'missing' if found is None else tuple(found.shape)
            wrong[name] = f'should be {tuple(own.shape)}, but is {found}'
    surplus = {
        name: f'{tuple(value.shape)} has no place in it'
        for name, value in saved.items()
        if name not in known and not _ASIDE.search(name)
    }
    if wrong or surplus:
        first, what = next(iter((wrong or surplus).items()))
        raise ValueError(
            f'the checkpoint is of another model than {type(model).__name__} '
            f'of this config: {len(wrong)} of {len(wanted)} weights are '
            f'missing or differ in size, {len(surplus)} others have no place '
            f'in it; {first} {what}. Give the config that it was trained with')


def plain_state(checkpoint: dict) -> dict:
    """Weights by name, without the ``module.`` of a wrapped model.

    Args:
        checkpoint: What the file holds, ``state_dict`` or the state itself.
    """
    state = checkpoint.get('state_dict', checkpoint)
    plain = OrderedDict(
        (name.removeprefix('module.'), value) for name, value in state.items())
    # the versions of the modules, by name without a dot at the end
    plain._metadata = {
        f'{name}.'.removeprefix('module.')[:-1]: value
        for name, value in getattr(state, '_metadata', {}).items()
    }
    return plain


def _is_weight(value: object) -> bool:
    """Tables of indices come and go with the versions of the libraries."""
    return isinstance(value, Tensor) and value.is_floating_point()


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
