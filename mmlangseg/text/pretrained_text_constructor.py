from __future__ import annotations

from mmengine.logging import print_log
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmlangseg.engine import PartwiseOptimWrapperConstructor

_LR = 2e-5


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PretrainedTextConstructor(PartwiseOptimWrapperConstructor):
    """Give the pretrained weights of text encoders a learning rate of their
    own.

    At the rates by which small models learn words from scratch a pretrained
    encoder forgets within some dozen steps what it knew, and makes the same of
    every sentence.

    ``paramwise_cfg.pretrained_text_lr`` is their rate, in place of what
    ``optimizer.lr`` and ``custom_keys`` say of them; by default that of LESS
    (2e-5, Sec. 4.1). All else, such as their weight decay, is as in
    :class:`PartwiseOptimWrapperConstructor`. Weights are pretrained if the
    method ``pretrained_parameters`` of an encoder yields them.
    """

    def __call__(self, model: nn.Module):
        """Build the optimizer wrapper of a model."""
        # without any option MMEngine asks for no groups of parameters
        self.paramwise_cfg.setdefault('pretrained_text_lr', _LR)
        return super().__call__(model)

    def add_params(self,
                   params: list[dict],
                   module: nn.Module,
                   prefix: str = '',
                   is_dcn_module: int | float | None = None) -> None:
        """Add the groups of a module, see MMEngine's."""
        start = len(params)
        super().add_params(params, module, prefix, is_dcn_module)
        lr = self.paramwise_cfg['pretrained_text_lr']
        for name, part in module.named_modules(prefix=prefix):
            if not hasattr(part, 'pretrained_parameters'):
                continue
            pretrained = set(part.pretrained_parameters())
            changed = [
                group for group in params[start:]
                if pretrained.issuperset(group['params'])
            ]
            for group in changed:
                group['lr'] = lr
            if changed:
                print_log(
                    f'paramwise_options -- {name}, {len(changed)} pretrained '
                    f'parameters: lr={lr} (pretrained_text_lr)', 'current')
