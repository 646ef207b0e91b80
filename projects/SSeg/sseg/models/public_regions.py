from __future__ import annotations
from typing import Any

import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from mmlangseg.io.huggingface_folder import (load_huggingface_network,
                                             naming_the_model)
from .region_segmentor import RegionSegmentor


class PublicRegionSegmentor(RegionSegmentor):
    """Region segmentors on a CLIP, or its like, of transformers.

    For testing: nothing is trained.

    Args:
        pretrained (str): Name on the hub, or a folder.
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        revision (str, optional): Version on the hub.
        others: See :class:`RegionSegmentor`.
    """

    def __init__(self,
                 pretrained: str,
                 data_preprocessor: dict,
                 *,
                 revision: str | None = None,
                 **others) -> None:
        from transformers import AutoTokenizer
        super().__init__(data_preprocessor, **others)
        self.network = load_huggingface_network(pretrained, revision=revision)
        self.network.float().eval().requires_grad_(False)
        with naming_the_model(pretrained, 'the tokenizer'):
            self.tokenizer = AutoTokenizer.from_pretrained(
                pretrained, revision=revision)

    def init_weights(self) -> None:
        """Keep the weights, which transformers has loaded."""

    @property
    def logit_scale(self) -> Tensor:
        """What cosines are multiplied with."""
        return self.network.logit_scale.exp()

    @torch.no_grad()
    def embed_texts(self, texts: list[str]) -> Tensor:
        """Features of S sentences, as projected, not of unit length: (S, D).
        Longer ones are cut."""
        tokens = self.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.network.config.text_config.max_position_embeddings,
            return_tensors='pt')
        device = next(self.network.parameters()).device
        return pooled(
            self.network.get_text_features(
                input_ids=tokens['input_ids'].to(device),
                attention_mask=tokens['attention_mask'].to(device)))

    @torch.no_grad()
    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Features of whole images (B, 3, H, W), as projected: (B, D)."""
        return pooled(self.network.get_image_features(inputs))

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict:
        """Nothing is trained."""
        raise NotImplementedError(f'{type(self).__name__} is for testing: its '
                                  'network is not trained here')


def pooled(output: Any) -> Tensor:
    """Features in what transformers 4, a tensor, and 5 give."""
    return output if isinstance(output, Tensor) else output.pooler_output
