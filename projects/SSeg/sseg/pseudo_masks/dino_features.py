"""Features of a frozen vision Transformer, such as DINO's."""
from __future__ import annotations
import inspect
from collections.abc import Callable

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from mmlangseg.engine import seeded
from mmlangseg.io.digest import digests_of
from mmlangseg.io.huggingface_folder import load_huggingface_network

_MEAN = (123.675, 116.28, 103.53)  # of ImageNet, RGB
_STD = (58.395, 57.12, 57.375)


class _KeysReached(Exception):
    """Carries the keys out of a forward pass that need not go on."""

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys


@MODELS.register_module()
class DINOFeatures(BaseModule):
    """Patch tokens of a vision Transformer of the transformers library.

    ``features(images)`` takes (B, 3, H, W) RGB in 0..255 and returns
    (B, C, h, w) float32 with a cell per patch: h = H / patch size, rounded,
    at least 1. An image of another size is resized to a multiple of the
    patch size; position embeddings are interpolated.

    The network is frozen and always in evaluation mode. It is no registered
    part of the module, so that it takes no place in checkpoints, and that
    loading one neither misses nor changes it. It still moves with the module
    between devices.

    Args:
        pretrained: Name on the hub, such as ``'facebook/dino-vits8'`` (the
            network of the paper), or a directory. None starts from random
            weights of the architecture ``config``: the baseline of an
            untrained network.
        config: Arguments of ``AutoConfig.for_model`` with ``model_type``,
            for ``pretrained=None``.
        facet: ``'token'`` (output of the last layer after its LayerNorm) or
            ``'key'`` (keys of the last attention, all heads).
        normalize: Give all features the length 1.
        seed: Of random weights, which are therefore the same in every run.
    """

    def __init__(self,
                 pretrained: str | None = None,
                 config: dict | None = None,
                 facet: str = 'token',
                 normalize: bool = False,
                 seed: int = 0) -> None:
        super().__init__()
        if (pretrained is None) == (config is None):
            raise ValueError(
                'DINOFeatures needs either `pretrained` or `config`')
        if facet not in ('token', 'key'):
            raise ValueError(f"facet must be 'token' or 'key', got {facet!r}")
        if config is not None:
            network = _random(config, seed)
        else:
            assert pretrained is not None  # one of them is given
            network = _load(pretrained)
        network.pooler = None  # its output is not used
        network.float().eval().requires_grad_(False)
        self._unregistered = (network, )
        self.pretrained = pretrained
        self.facet = facet
        self.normalize = normalize
        self.patch_size = _side(network.config.patch_size)
        # not all models have the argument, those without always interpolate
        known = inspect.signature(network.forward).parameters
        self._options = dict(interpolate_pos_encoding=True) \
            if 'interpolate_pos_encoding' in known else {}
        if facet == 'key':
            _last_key_layer(network).register_forward_hook(_stop_at_keys)

    @property
    def network(self) -> nn.Module:
        """The frozen network."""
        return self._unregistered[0]

    def digests(self) -> dict[str, dict[str, str]]:
        """What tells directories apart; of other weights nothing."""
        return digests_of(self.pretrained) if self.pretrained else {}

    def _apply(self, function: Callable, recurse: bool = True) -> nn.Module:
        """Move the network too, with ``.to()`` and the like."""
        self.network._apply(function)
        return super()._apply(function, recurse)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Compute the features of a batch."""
        grid = [
            max(1, round(pixels / self.patch_size))
            for pixels in images.shape[2:]
        ]
        size = [cells * self.patch_size for cells in grid]
        images = images.float()
        if list(images.shape[2:]) != size:
            images = F.interpolate(
                images, size, mode='bilinear', align_corners=False)
        mean, std = (
            images.new_tensor(values)[:, None, None]
            for values in (_MEAN, _STD))
        tokens = self._run((images - mean) / std)
        # in front of the patches stand the class and register tokens
        tokens = tokens[:, -grid[0] * grid[1]:].float()
        if self.normalize:
            tokens = F.normalize(tokens, dim=-1)
        return tokens.transpose(1, 2).unflatten(2, grid)

    def _run(self, images: Tensor) -> Tensor:
        """Tokens or keys (B, L, C)."""
        try:
            output = self.network(images, **self._options)
        except _KeysReached as reached:
            return reached.keys
        return output.last_hidden_state


def _load(pretrained: str) -> nn.Module:
    return load_huggingface_network(pretrained)


def _random(config: dict, seed: int) -> nn.Module:
    from transformers import AutoConfig, AutoModel
    with seeded(seed):
        return AutoModel.from_config(AutoConfig.for_model(**config))


def _side(patch_size) -> int:
    """Patch size as one number."""
    sides = patch_size if isinstance(patch_size,
                                     (tuple, list)) else [patch_size]
    if len(set(sides)) != 1:
        raise ValueError(f'patches must be square, not {patch_size}')
    return sides[0]


def _last_key_layer(network: nn.Module) -> nn.Linear:
    """The layer that makes the keys of the last attention."""
    # transformers 4 calls it `key`, 5 `k_proj`
    layers = [
        module for name, module in network.named_modules()
        if name.rsplit('.', 1)[-1] in ('key', 'k_proj')
    ]
    if not layers:
        raise ValueError(f"facet='key': {type(network).__name__} has no "
                         "layer of keys, use facet='token'")
    return layers[-1]


def _stop_at_keys(module: nn.Module, inputs: tuple, output: Tensor) -> None:
    """Forward hook: what follows the keys is not needed."""
    raise _KeysReached(output)
