from __future__ import annotations

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class PWAM(BaseModule):
    """Pixel-word attention module of LAVT (CVPR 2022, Sec. 3.2).

    Every position of the image gathers the words that concern it, and the
    result is multiplied with the projected image features.

    Args:
        channels (int): Channels C of the image features and of the result.
        word_channels (int): Channels of the words.
        num_heads (int): Heads of the attention. The logits are scaled by
            ``channels ** -0.5`` for any number of them, as in the released
            code.
        dropout (float): After both projections with GELU.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 channels: int,
                 word_channels: int,
                 num_heads: int = 1,
                 dropout: float = 0.,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if channels % num_heads:
            raise ValueError(f'PWAM: channels={channels} cannot be divided '
                             f'into num_heads={num_heads}')
        self.num_heads = num_heads
        self.image = _project(channels, dropout)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(word_channels, channels)
        self.value = nn.Linear(word_channels, channels)
        self.language = nn.Linear(channels, channels)
        self.out = _project(channels, dropout)

    def init_weights(self) -> None:
        """Keep PyTorch's initial weights, as the released code does."""

    def forward(self, x: Tensor, words: Tensor, word_mask: Tensor) -> Tensor:
        """Fuse image features with words.

        Args:
            x (Tensor): (B, N, C) image features, N > 1 positions.
            words (Tensor): (B, L, C_word).
            word_mask (Tensor): (B, L) bool, True for real words, of which
                every sentence has at least one.

        Returns:
            Tensor: (B, N, C).
        """
        query = _instance_norm(self.query(x))  # (B, N, C)
        # Scaled before the product, which could leave the range of float16.
        query = self._split(query * query.shape[-1]**-0.5)  # (B, h, N, C/h)
        key = self._split(self.key(words))  # (B, h, L, C/h)
        value = self._split(self.value(words))
        logits = query @ key.transpose(-2, -1)  # (B, h, N, L)
        logits = logits.masked_fill(~word_mask[:, None, None], float('-inf'))
        gathered = logits.softmax(-1) @ value  # (B, h, N, C/h)
        gathered = gathered.transpose(1, 2).flatten(2)
        language = _instance_norm(self.language(gathered))
        return self.out(self.image(x) * language)

    def _split(self, x: Tensor) -> Tensor:
        """(B, N, C) to (B, heads, N, C / heads)."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


def _project(channels: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(channels, channels), nn.GELU(), nn.Dropout(dropout))


def _instance_norm(x: Tensor) -> Tensor:
    """Normalize every channel of (B, N, C) over its positions."""
    return F.instance_norm(x.transpose(1, 2)).transpose(1, 2)
