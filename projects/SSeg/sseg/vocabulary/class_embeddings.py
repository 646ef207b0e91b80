from __future__ import annotations
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlangseg.cpu.chunks import TEXTS_AT_ONCE, slices
from .vocabulary import Vocabulary


@torch.no_grad()
def embed_classes(vocabulary: Vocabulary,
                  embed_texts: Callable[[list[str]], Tensor],
                  batch_size: int = TEXTS_AT_ONCE) -> Tensor:
    """Turn the names of classes into features.

    A class is the mean over its synonyms in all templates, as projected,
    brought to unit length; so in GroupViT. With ``synonyms='max'`` each name
    is such a mean over the templates.

    Args:
        vocabulary (Vocabulary): C classes.
        embed_texts (Callable): Gives features (S, D) of S sentences.
        batch_size (int): Sentences at a time.

    Returns:
        Tensor: (C, D), of unit length; with ``synonyms='max'`` (K, D) of all
        K names, which belong to ``vocabulary.owners()``.
    """
    prompts, owners = [], []
    for index in range(len(vocabulary.classes)):
        new = vocabulary.prompts(index)
        prompts += new
        owners += [index] * len(new)
    count = len(vocabulary.classes)
    if vocabulary.synonyms == 'max':  # the prompts of a name are beside it
        count = len(vocabulary.owners())
        owners = [i // len(vocabulary.templates) for i in range(len(prompts))]
    features = torch.cat([
        embed_texts(prompts[part]).float()
        for part in slices(len(prompts), batch_size)
    ])
    sums = features.new_zeros(count, features.shape[1])
    sums.index_add_(0, torch.tensor(owners, device=features.device), features)
    # the length of a mean does not matter, so a sum will do
    return F.normalize(sums, dim=1)
