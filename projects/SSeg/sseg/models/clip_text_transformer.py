from __future__ import annotations
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils.tokenizer import tokenize
from torch import Tensor, nn

from mmlangseg.text import TextFeatures

# of CLIP's byte pair encoding, <start_of_text> and <end_of_text> included
_CLIP_VOCABULARY = 49408


@MODELS.register_module()
class CLIPTextTransformer(BaseModule):
    """Trainable text Transformer of CLIP's design, from random weights.

    A causal, pre-norm Transformer over CLIP's byte pair encoding, which mmseg
    ships; the feature of the closing token is the sentence. Width 256 and 12
    layers are the paper's (Sec. 3.4), the heads, the context and the initial
    values those of CLIP at this width.

    Args:
        embed_dims (int): Width.
        num_layers (int): Transformer layers.
        num_heads (int): Attention heads of a layer.
        context_length (int): Longest sentence in tokens, start and end
            included; of a longer one the last token that fits is replaced by
            the end.
        vocab_size (int): Rows of the table of token vectors, at least the
            49,408 of CLIP's encoding.
        init_cfg (dict, optional): See :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 embed_dims: int = 256,
                 num_layers: int = 12,
                 num_heads: int = 4,
                 context_length: int = 77,
                 vocab_size: int = _CLIP_VOCABULARY,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if vocab_size < _CLIP_VOCABULARY:
            raise ValueError(f'vocab_size={vocab_size} is too small: the '
                             f'encoding has {_CLIP_VOCABULARY} tokens')
        if context_length < 2:
            raise ValueError('context_length must leave room for start and '
                             f'end, so be at least 2, got {context_length}')
        self.context_length = context_length
        self.out_channels = embed_dims
        self.token_embedding = nn.Embedding(vocab_size, embed_dims)
        self.position_embedding = nn.Parameter(
            torch.empty(context_length, embed_dims))
        self.layers = nn.ModuleList(
            _Layer(embed_dims, num_heads) for _ in range(num_layers))
        self.ln_final = nn.LayerNorm(embed_dims)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Initial values of CLIP: smaller where layers add up."""
        width = self.out_channels
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.position_embedding, std=0.01)
        residual_std = width**-0.5 * (2 * len(self.layers))**-0.5
        for layer in self.layers:
            nn.init.normal_(layer.qkv.weight, std=width**-0.5)
            nn.init.normal_(layer.proj.weight, std=residual_std)
            nn.init.normal_(layer.fc1.weight, std=(2 * width)**-0.5)
            nn.init.normal_(layer.fc2.weight, std=residual_std)
            for linear in (layer.qkv, layer.proj):
                nn.init.zeros_(linear.bias)

    def pretrained_parameters(self) -> Iterator[nn.Parameter]:
        """All, if ``init_cfg`` names a checkpoint; else none."""
        configs = self.init_cfg if isinstance(self.init_cfg,
                                              list) else [self.init_cfg]
        loaded = any((c or {}).get('type') == 'Pretrained' for c in configs)
        return self.parameters() if loaded else iter(())

    def forward(self, texts: list[str]) -> TextFeatures:
        """Encode S sentences.

        Returns:
            TextFeatures: ``sentence`` (S, C); ``words`` (S, L, C), the tokens
            behind the start, of which ``word_mask`` leaves out the end and
            the padding.
        """
        ids = tokenize(texts, self.context_length)
        # Padding is 0, and the end has the highest number of all tokens.
        ends = ids.argmax(dim=1)
        # Exact, since no token sees what follows it.
        ids = ids[:, :int(ends.max()) + 1]
        device = self.position_embedding.device
        return self.encode(ids.to(device), ends.to(device))

    def encode(self, ids: Tensor, ends: Tensor) -> TextFeatures:
        """Encode token ids (S, L + 1), the sentence being the feature at the
        positions ``ends`` (S,)."""
        length = ids.shape[1]
        x = self.token_embedding(ids) + self.position_embedding[:length]
        for layer in self.layers:
            x = layer(x)
        x = self.ln_final(x)  # (S, L + 1, C)
        positions = torch.arange(1, length, device=ids.device)
        return TextFeatures(
            words=x[:, 1:],
            word_mask=positions < ends[:, None],
            sentence=x[torch.arange(len(x), device=x.device), ends])


class _Layer(nn.Module):
    """Pre-norm layer: causal self-attention, then an MLP of 4 times the
    width."""

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(f'embed_dims={embed_dims} cannot be divided '
                             f'among num_heads={num_heads}')
        self.num_heads = num_heads
        self.ln1 = nn.LayerNorm(embed_dims)
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.ln2 = nn.LayerNorm(embed_dims)
        self.fc1 = nn.Linear(embed_dims, 4 * embed_dims)
        self.fc2 = nn.Linear(4 * embed_dims, embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        """(S, L, C) to (S, L, C)."""
        # 3 x (S, heads, L, C / heads)
        q, k, v = self.qkv(self.ln1(x)).unflatten(
            -1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(attended.transpose(1, 2).flatten(2))
        hidden = self.fc1(self.ln2(x))
        # CLIP's approximation of GELU
        return x + self.fc2(hidden * torch.sigmoid(1.702 * hidden))
