"""What belongs to no class of the vocabulary."""
from __future__ import annotations

import torch
from torch import Tensor

BACKGROUND_RULES = ('constant', 'groupvit')


def check_background_rule(rule: str) -> None:
    """Refuse a rule that does not exist."""
    if rule not in BACKGROUND_RULES:
        raise ValueError(f'background_rule must be one of {BACKGROUND_RULES}, '
                         f'got {rule!r}')


def add_background(probs: Tensor, rule: str, threshold: float) -> Tensor:
    """Put a channel of the background in front of the classes.

    The paper thresholds the maximum probability "following GroupViT".

    Args:
        probs (Tensor): (B, C, H, W) probabilities of the classes.
        rule (str): 'constant': the channel is ``threshold`` everywhere, which
            may be averaged over crops; 'groupvit': the channel is 1 where no
            class reaches ``threshold`` or, if none does so anywhere in the
            image or crop, the highest probability in it, and else 0.
        threshold (float): See ``rule``.

    Returns:
        Tensor: (B, 1 + C, H, W).
    """
    check_background_rule(rule)
    best = probs.amax(dim=1, keepdim=True)  # (B, 1, H, W)
    if rule == 'constant':
        background = torch.full_like(best, threshold)
    else:
        limit = best.amax(dim=(2, 3), keepdim=True).clamp(max=threshold)
        background = (best < limit).to(probs)
    return torch.cat([background, probs], dim=1)
