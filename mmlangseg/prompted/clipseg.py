from __future__ import annotations
from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor

from mmlangseg.io.huggingface_folder import load_huggingface_network
from .prompted_network import Objects, PromptedNetwork, Prompts


@MODELS.register_module()
class CLIPSegNetwork(PromptedNetwork):
    """CLIPSeg (Lüddecke and Ecker, CVPR 2022) of transformers.

    A CLIP whose image tokens are decoded under the feature of a text. Its
    answer is one map for a text, so that :meth:`objects` has one object.

    Args:
        pretrained (str): Such as ``CIDAS/clipseg-rd64-refined``, or a folder.
        revision (str, optional): Version on the hub.
    """

    def _load(self, pretrained: str, revision: str | None):
        return load_huggingface_network(
            pretrained, task='CLIPSegForImageSegmentation', revision=revision)

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> Prompts:
        """See :meth:`PromptedNetwork.encode_texts`; features (T, D)."""
        length = self.network.config.text_config.max_position_embeddings
        tokens = self.tokens(texts, True, length)
        return Prompts(
            self.network.get_conditional_embeddings(
                batch_size=len(texts), **tokens))

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> list[Tensor]:
        """See :meth:`PromptedNetwork.encode_images`; the tokens (B, L, C) of
        the layers that are decoded."""
        if images.shape[-2] != images.shape[-1]:
            raise ValueError(
                f'CLIPSeg takes square images, not {tuple(images.shape[-2:])}:'
                ' let Resize have keep_ratio=False in the test pipeline')
        states = self.network.clip.vision_model(
            images, output_hidden_states=True,
            interpolate_pos_encoding=True).hidden_states
        # the first one is in front of the first layer
        return [states[i + 1] for i in self.network.extract_layers]

    @torch.no_grad()
    def logits(self, images: list[Tensor], prompts: Prompts) -> Tensor:
        """What CLIPSeg says: (B, T, H, W) logits."""
        batch, count = len(images[0]), len(prompts)
        tokens = [each.repeat_interleave(count, 0) for each in images]
        texts = prompts.features.repeat(batch, 1)
        logits = self.network.decoder(tokens, texts).logits
        return logits.unflatten(0, (batch, count))

    def masks(self, images: list[Tensor], prompts: Prompts) -> Tensor:
        """See :meth:`PromptedNetwork.masks`."""
        return self.logits(images, prompts).float().sigmoid()

    def objects(self, images: list[Tensor],
                prompts: Prompts) -> list[list[Objects]]:
        """See :meth:`PromptedNetwork.objects`: one, whose score is the
        highest probability in its map."""
        logits = self.logits(images, prompts).float()
        return [[
            Objects(one[None],
                    one.max().sigmoid()[None]) for one in image
        ] for image in logits]
