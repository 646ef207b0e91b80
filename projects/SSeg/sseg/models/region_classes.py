"""From features of regions to probabilities of classes."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIMILARITIES = ('cosine', 'relative')


def check_similarity(similarity: str) -> None:
    """Refuse a similarity that does not exist."""
    if similarity not in SIMILARITIES:
        raise ValueError(f'similarity must be one of {SIMILARITIES}, got '
                         f'{similarity!r}')


def classify_regions(features: Tensor,
                     names: Tensor,
                     scale: Tensor | float,
                     similarity: str = 'cosine',
                     owners: Tensor | None = None) -> Tensor:
    """Compare regions with the names of classes.

    Computed in float32.

    Args:
        features (Tensor): Of N regions in each image or crop, (B, N, D).
        names (Tensor): Of K names of classes, of unit length, (K, D).
        scale (Tensor | float): What similarities are multiplied with:
            1 / temperature.
        similarity (str): 'cosine', as in the paper; or 'relative', the cosine
            times the length of the feature, divided by that of the longest
            one in its image. An image's feature is an average, in which long
            features count more. So those of regions that captions do not
            speak of become short, and here no class is sure of them, while
            the cosine must choose one.
        owners (Tensor, optional): The class of each name, int64 (K, ), each
            of the C classes at least once. The most similar name of a class
            counts. By default every name is a class.

    Returns:
        Tensor: Probabilities (B, N, C).
    """
    check_similarity(similarity)
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        if similarity == 'cosine':
            features = F.normalize(features, dim=-1)
        else:
            longest = features.norm(dim=-1).amax(dim=1)  # (B, )
            features = features / longest.clamp(min=1e-12)[:, None, None]
        logits = scale * features @ names.float().t()  # (B, N, K)
        if owners is not None:
            logits = logits.new_empty(*logits.shape[:2],
                                      int(owners.max()) + 1).scatter_reduce(
                                          2,
                                          owners.expand_as(logits),
                                          logits,
                                          'amax',
                                          include_self=False)
        return logits.softmax(dim=-1)
