from __future__ import annotations
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mmengine.model import BaseModule
from torch import Tensor

from mmlangseg.io.huggingface_folder import naming_the_model


@dataclass(frozen=True)
class Prompts:
    """Encoded texts.

    Attributes:
        features (Tensor): Of T texts, (T, ...).
        mask (Tensor, optional): Which of their tokens count, int64 (T, L).
    """

    features: Tensor
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, part: slice) -> Prompts:
        return Prompts(self.features[part],
                       None if self.mask is None else self.mask[part])


# Of a batch of images, as the network wants it back.
ImageFeatures = Any


class Objects(NamedTuple):
    """What a text finds in an image, one by one.

    Attributes:
        masks (Tensor): (Q, h, w) logits.
        scores (Tensor): (Q, ) probabilities that they are meant.
    """

    masks: Tensor
    scores: Tensor


class PromptedNetwork(BaseModule):
    """A pretrained network that segments an image by texts.

    Images are encoded once, texts once; each pair costs a decoder. The
    network is for testing: nothing of it is trained here.

    Args:
        pretrained (str): Name on the hub, or a folder.
        revision (str, optional): Version on the hub.

    Attributes:
        prompts_at_once (int): Texts that are decoded together by default.
    """

    prompts_at_once = 16

    def __init__(self, pretrained: str, revision: str | None = None) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.network = self._load(pretrained, revision)
        self.network.float().eval().requires_grad_(False)
        self._revision = revision
        self._tokenizer = None

    def _load(self, pretrained: str, revision: str | None):
        raise NotImplementedError

    def init_weights(self) -> None:
        """Keep the weights, which transformers has loaded."""

    @property
    def tokenizer(self):
        """The tokenizer, loaded at first use."""
        if self._tokenizer is None:
            from transformers import AutoTokenizer
            with naming_the_model(self.pretrained, 'the tokenizer'):
                self._tokenizer = AutoTokenizer.from_pretrained(
                    self.pretrained, revision=self._revision)
        return self._tokenizer

    def tokens(self, texts: Sequence[str], padding: str | bool,
               length: int) -> dict[str, Tensor]:
        """Tokens of texts, on the device of the network; longer ones are cut,
        and keep the closing token."""
        tokens = self.tokenizer(
            list(texts),
            padding=padding,
            truncation=True,
            max_length=length,
            return_tensors='pt')
        device = next(self.network.parameters()).device
        return {
            name: tokens[name].to(device)
            for name in ('input_ids', 'attention_mask')
        }

    @abstractmethod
    def encode_texts(self, texts: Sequence[str]) -> Prompts:
        """Encode T texts."""

    @abstractmethod
    def encode_images(self, images: Tensor) -> ImageFeatures:
        """Encode normalized images (B, 3, H, W) of the size that the network
        was trained at."""

    @abstractmethod
    def masks(self, images: ImageFeatures, prompts: Prompts) -> Tensor:
        """What each text means in each image, all of it.

        Returns:
            Tensor: (B, T, h, w) probabilities, float32.
        """

    @abstractmethod
    def objects(self, images: ImageFeatures,
                prompts: Prompts) -> list[list[Objects]]:
        """What each text means, object by object: B lists of T."""
