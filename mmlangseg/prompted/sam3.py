from __future__ import annotations
from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor

from mmlangseg.io.huggingface_folder import load_huggingface_network
from .prompted_network import ImageFeatures, Objects, PromptedNetwork, Prompts


@MODELS.register_module()
class SAM3Network(PromptedNetwork):
    """SAM 3 of transformers, prompted by texts.

    It finds all objects that a text means, each with a score, and says
    whether there is any; beside them it gives one map of all.

    Args:
        pretrained (str): Such as ``facebook/sam3``, or a folder.
        revision (str, optional): Version on the hub.
    """

    prompts_at_once = 1  # each has a Transformer over all of the image

    def _load(self, pretrained: str, revision: str | None):
        try:
            # transformers' own name of it asks for torchvision, which only
            # boxes as prompts need
            from transformers.models.sam3.modeling_sam3 import Sam3Model
        except ImportError as error:
            raise ImportError(
                'SAM 3 needs transformers 5 or newer: '
                f'pip install -U transformers ({error})') from error
        return load_huggingface_network(
            pretrained, task=Sam3Model, revision=revision)

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> Prompts:
        """See :meth:`PromptedNetwork.encode_texts`; features (T, L, C)."""
        length = self.network.config.text_config.max_position_embeddings
        tokens = self.tokens(texts, 'max_length', length)
        return Prompts(
            self.network.get_text_features(**tokens).pooler_output,
            tokens['attention_mask'])

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> ImageFeatures:
        """See :meth:`PromptedNetwork.encode_images`."""
        return self.network.get_vision_features(images)

    @torch.no_grad()
    def outputs(self, images: ImageFeatures, prompts: Prompts):
        """What SAM 3 says of all B x T pairs, the texts of an image side by
        side."""
        from transformers.modeling_outputs import BaseModelOutputWithPooling
        batch, count = len(images.fpn_hidden_states[0]), len(prompts)
        repeated = type(images)(
            fpn_hidden_states=tuple(
                x.repeat_interleave(count, 0)
                for x in images.fpn_hidden_states),
            fpn_position_encoding=tuple(
                x.repeat_interleave(count, 0)
                for x in images.fpn_position_encoding))
        texts = prompts.features.repeat(batch, 1, 1)
        return self.network(
            vision_embeds=repeated,
            text_embeds=BaseModelOutputWithPooling(pooler_output=texts),
            attention_mask=prompts.mask.repeat(batch, 1))

    def masks(self, images: ImageFeatures, prompts: Prompts) -> Tensor:
        """See :meth:`PromptedNetwork.masks`: the map of all objects, times
        the probability that there is one."""
        outputs = self.outputs(images, prompts)
        probs = outputs.semantic_seg[:, 0].float().sigmoid()
        present = outputs.presence_logits.float().sigmoid()  # (B * T, 1)
        return (probs * present[..., None]).unflatten(0, (-1, len(prompts)))

    def objects(self, images: ImageFeatures,
                prompts: Prompts) -> list[list[Objects]]:
        """See :meth:`PromptedNetwork.objects`."""
        outputs = self.outputs(images, prompts)
        scores = (
            outputs.pred_logits.float().sigmoid() *
            outputs.presence_logits.float().sigmoid())
        found = [
            Objects(*pair) for pair in zip(outputs.pred_masks.float(), scores)
        ]
        count = len(prompts)
        return [found[i:i + count] for i in range(0, len(found), count)]
