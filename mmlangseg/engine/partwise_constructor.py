"""Learning rates and decays of parts of a model."""
from __future__ import annotations

from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PartwiseOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor whose ``custom_keys`` set what they name only.

    There a parameter that a custom key matches is exempt from all other
    rules: ``custom_keys=dict(text_encoder=dict(lr_mult=5.))`` lets biases and
    norms of the text encoder decay in spite of ``norm_decay_mult=0.``. Here
    the rate is that of the longest key with an ``lr_mult``, the decay that of
    the longest one with a ``decay_mult``, and where there is none, the other
    rules hold.
    """

    def add_params(self,
                   params: list[dict],
                   module: nn.Module,
                   prefix: str = '',
                   is_dcn_module: int | float | None = None) -> None:
        """Append a group for each parameter of a module.

        Args:
            params: Groups; is appended to.
            module: Its parameters are looked at.
            prefix: Name of the module.
            is_dcn_module: See MMEngine.
        """
        keys = self.paramwise_cfg.get('custom_keys', {})
        rate_keys = {
            key: value
            for key, value in keys.items()
            if 'lr_mult' in value or 'decay_mult' not in value
        }
        decay_keys = {k: v for k, v in keys.items() if 'decay_mult' in v}
        both: list[list[dict]] = []
        for part_keys in (rate_keys, decay_keys):
            part = DefaultOptimWrapperConstructor(
                dict(optimizer=self.optimizer_cfg),
                dict(self.paramwise_cfg, custom_keys=part_keys))
            if part_keys is rate_keys:
                part.base_wd = None  # no decay
            both.append([])
            part.add_params(both[-1], module, prefix, is_dcn_module)
        rates, decays = both
        for rate, decay in zip(rates, decays):
            rate.update({
                name: decay[name]
                for name in ('weight_decay', 'decay_mult') if name in decay
            })
            params.append(rate)
