from __future__ import annotations

import torch
from torch import Tensor

# The names that sentence-transformers gives them.
POOLING_MODES = ('cls', 'mean', 'max', 'mean_sqrt_len_tokens', 'weightedmean',
                 'lasttoken')


def pool_tokens(tokens: Tensor, mask: Tensor, mode: str) -> Tensor:
    """Turn the tokens of sentences into one vector per sentence.

    Args:
        tokens (Tensor): (S, L, C) features, padded on the right.
        mask (Tensor): (S, L), 1 for tokens, special ones included, and 0 for
            padding.
        mode (str): One of sentence-transformers' modes: 'cls', the first
            token; 'mean'; 'max', of each channel; 'mean_sqrt_len_tokens', the
            sum divided by the root of the number of tokens; 'weightedmean',
            the n-th token counting n times; 'lasttoken'.

    Returns:
        Tensor: (S, C).
    """
    if mode == 'cls':
        return tokens[:, 0]
    if mode == 'lasttoken':
        rows = torch.arange(len(tokens), device=tokens.device)
        return tokens[rows, mask.sum(1) - 1]
    real = mask.unsqueeze(-1) > 0
    if mode == 'max':
        return tokens.masked_fill(~real, float('-inf')).amax(1)
    weights = real.to(tokens.dtype)  # (S, L, 1)
    if mode == 'weightedmean':
        places = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
        weights = weights * places.unsqueeze(-1)
    total, count = (tokens * weights).sum(1), weights.sum(1)
    return total / (count.sqrt() if mode == 'mean_sqrt_len_tokens' else count)
