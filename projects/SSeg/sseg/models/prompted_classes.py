from __future__ import annotations
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from mmlangseg.cpu.chunks import TEXTS_AT_ONCE, slices
from mmlangseg.prompted import ImageFeatures, Prompts
from .named_classes import NamedClassSegmentor
from .prediction import add_background


@MODELS.register_module()
class PromptedClasses(NamedClassSegmentor):
    """Segments images by one prompt for every name, for testing.

    Classes do not compete: each has a probability of its own, that of the
    name which has the highest one. So a threshold tells what belongs to none
    of them.

    Args:
        network (dict): Config of :class:`CLIPSegNetwork` or
            :class:`SAM3Network`, without ``pretrained``.
        pretrained (str): Name on the hub, or a folder.
        prompts_at_once (int, optional): Texts that are decoded together; by
            default as many as the network says. Memory grows with it.
        others: See :class:`NamedClassSegmentor`; images are not cut into
            crops, and templates have one sentence.
    """

    def __init__(self,
                 network: dict,
                 pretrained: str,
                 data_preprocessor: dict,
                 *,
                 prompts_at_once: int | None = None,
                 **others) -> None:
        super().__init__(data_preprocessor, **others)
        if self.test_cfg.mode != 'whole':
            raise ValueError(f'test_cfg.mode={self.test_cfg.mode!r}: a prompt '
                             "is about the whole image, use 'whole'")
        self.network = MODELS.build(dict(network, pretrained=pretrained))
        self.prompts_at_once = prompts_at_once or self.network.prompts_at_once
        self._prompts: Prompts | None = None

    def forget_embeddings(self) -> None:
        """Encode the names anew when they are needed next."""
        super().forget_embeddings()
        self._prompts = None

    def prompts(self) -> Prompts:
        """All names of all classes, encoded."""
        if self._prompts is None:
            vocabulary = self._required_vocabulary()
            if len(vocabulary.templates) != 1:
                raise ValueError(
                    f'the vocabulary has {len(vocabulary.templates)} '
                    'templates: a prompt is one sentence, set '
                    "templates='simple' or ['{}']")
            texts = [
                text for index in range(len(vocabulary.classes))
                for text in vocabulary.prompts(index)
            ]
            parts = [
                self.network.encode_texts(texts[part])
                for part in slices(len(texts), TEXTS_AT_ONCE)
            ]
            masks = [part.mask for part in parts if part.mask is not None]
            self._prompts = Prompts(
                torch.cat([part.features for part in parts]),
                torch.cat(masks) if masks else None)
        return self._prompts

    def class_parts(self, inputs: Tensor,
                    metas: Sequence[dict]) -> Iterator[Tensor]:
        """Yield the probabilities of one class after the other.

        Args:
            inputs (Tensor): Normalized images, (B, 3, H, W).
            metas (Sequence[dict]): What is known of each.

        Yields:
            Tensor: (B, c, h, w), at the size of the network's maps; where
            images are padded, at that of the inputs, of whose pixels the
            padding is counted.
        """
        parts = self._class_maps(inputs)
        if not any(map(_is_padded, metas)):
            yield from parts
            return
        for part in parts:
            yield F.interpolate(
                part,
                inputs.shape[-2:],
                mode='bilinear',
                align_corners=self.align_corners)

    def _class_maps(self, inputs: Tensor) -> Iterator[Tensor]:
        images = self.network.encode_images(inputs)
        prompts = self.prompts()
        first = 0
        waiting: list[int] = []
        for names in self.vocabulary.prompt_names:
            if waiting and sum(waiting) + len(names) > self.prompts_at_once:
                yield self._classes(images, prompts, first, waiting)
                first, waiting = first + sum(waiting), []
            waiting.append(len(names))
        yield self._classes(images, prompts, first, waiting)

    def _classes(self, images: ImageFeatures, prompts: Prompts, first: int,
                 counts: list[int]) -> Tensor:
        """Of classes with so many names each, the first of which is given."""
        last = first + sum(counts)
        maps = torch.cat([
            self.network.masks(images,
                               prompts[i:min(i + self.prompts_at_once, last)])
            for i in range(first, last, self.prompts_at_once)
        ], 1)
        return torch.stack([part.amax(1) for part in maps.split(counts, 1)], 1)

    def encode_decode(self, inputs: Tensor,
                      batch_img_metas: Sequence[dict]) -> Tensor:
        """See :meth:`NamedClassSegmentor.encode_decode`; at the size of
        :meth:`class_parts`."""
        self._required_vocabulary()
        probs = torch.cat(list(self.class_parts(inputs, batch_img_metas)), 1)
        if self.vocabulary.background:
            probs = add_background(probs, self.background_rule,
                                   self.background_threshold)
        return probs

    def probability_parts(self, inputs: Tensor,
                          metas: Sequence[dict]) -> Iterator[Tensor]:
        """See :meth:`NamedClassSegmentor.probability_parts`. The rule
        'groupvit' has to see all classes at once."""
        background = self._required_vocabulary().background
        if background and self.background_rule != 'constant':
            yield self.encode_decode(inputs, metas)
            return
        for number, part in enumerate(self.class_parts(inputs, metas)):
            if background and number == 0:
                yield torch.full_like(part[:, :1], self.background_threshold)
            yield part

    def extract_feat(self, inputs: Tensor) -> ImageFeatures:
        """Encoded images."""
        return self.network.encode_images(inputs)

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        """Nothing is trained."""
        raise NotImplementedError(
            'PromptedClasses is for testing: its network is not trained here')

    def _forward(self,
                 inputs: Tensor,
                 data_samples: list | None = None) -> Tensor:
        return self.encode_decode(inputs, [])


def _is_padded(meta: dict) -> bool:
    """Whether mmseg's data preprocessor says so."""
    return any(meta.get('img_padding_size', meta.get('padding_size', ())))
