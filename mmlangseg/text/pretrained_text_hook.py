from __future__ import annotations
import logging

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.registry import HOOKS
from mmengine.runner import Runner

_HIGHEST = 1e-4  # the papers train text encoders at 2e-5 to 5e-5


@HOOKS.register_module()
class PretrainedTextHook(Hook):
    """Say at the start at which rate pretrained text encoders are trained,
    and warn if it will destroy them."""

    def before_train(self, runner: Runner) -> None:
        """Compare the parameters of encoders with those of the optimizer."""
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        rates = _rates(runner.optim_wrapper)
        for name, module in model.named_modules():
            if not hasattr(module, 'pretrained_parameters'):
                continue
            found = [
                rates[parameter]
                for parameter in module.pretrained_parameters()
                if parameter.requires_grad and parameter in rates
            ]
            if not found:  # from scratch, frozen, or a teacher's
                continue
            rate = max(found)
            text = f'the pretrained weights of {name} are trained at {rate:g}'
            if round(rate, 9) <= _HIGHEST:
                runner.logger.info(text)
                continue
            runner.logger.log(
                logging.WARNING,
                f'{text}, and more than about {_HIGHEST:g} destroys them: '
                'soon all sentences are the same to the model. Set '
                "optim_wrapper.constructor='PretrainedTextConstructor', a "
                'lower optim_wrapper.paramwise_cfg.pretrained_text_lr, or '
                f'model.{_in_config(name)}.frozen=True')


def _rates(optim_wrapper) -> dict:
    """Learning rate by parameter, before any warm-up."""
    several = isinstance(optim_wrapper, OptimWrapperDict)
    wrappers = optim_wrapper.values() if several else [optim_wrapper]
    return {
        parameter: group.get('initial_lr', group['lr'])
        for wrapper in wrappers
        for group in wrapper.param_groups
        for parameter in group['params']
    }


def _in_config(name: str) -> str:
    """Where a module of SemiRES stands in the config."""
    return name.replace('student.', 'segmentor.')
