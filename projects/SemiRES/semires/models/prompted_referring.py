from __future__ import annotations

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmlangseg.prompted import ImageFeatures
from .referring_segmentor import ReferringSegmentor, sentences_of


@MODELS.register_module()
class PromptedReferring(ReferringSegmentor):
    """Segments what a sentence refers to by a public network, for testing.

    Of the objects that the network finds the one with the highest score is
    meant; CLIPSeg finds a single one.

    Args:
        network (dict): Config of :class:`CLIPSegNetwork` or
            :class:`SAM3Network`, without ``pretrained``.
        pretrained (str): Name on the hub, or a folder.
        data_preprocessor (dict): Config of mmseg's ``SegDataPreProcessor``.
        eval_size (str): See :class:`ReferringSegmentor`.
    """

    def __init__(self,
                 network: dict,
                 pretrained: str,
                 data_preprocessor: dict,
                 eval_size: str = 'resized') -> None:
        super().__init__(data_preprocessor, eval_size)
        self.network = MODELS.build(dict(network, pretrained=pretrained))
        self._last: tuple[Tensor, ImageFeatures] | None = None

    def extract_feat(self, inputs: Tensor) -> ImageFeatures:
        """Encoded images (B, 3, H, W). The last ones are kept, as several
        sentences are about one image."""
        if self._last is None or not torch.equal(self._last[0], inputs):
            self._last = inputs, self.network.encode_images(inputs)
        return self._last[1]

    @torch.no_grad()
    def logits(self, inputs: Tensor,
               data_samples: list[SegDataSample]) -> Tensor:
        """See :meth:`ReferringSegmentor.logits`; the background has 0."""
        maps = []
        for image, text in zip(inputs, sentences_of(data_samples)):
            prompt = self.network.encode_texts([text])
            (found, ), = self.network.objects(
                self.extract_feat(image[None]), prompt)
            maps.append(found.masks[found.scores.argmax()])
        target = F.interpolate(
            torch.stack(maps)[:, None],
            inputs.shape[-2:],
            mode='bilinear',
            align_corners=self.align_corners)
        return torch.cat([torch.zeros_like(target), target], 1)

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict:
        """Nothing is trained."""
        raise NotImplementedError(
            'PromptedReferring is for testing: its network is not trained here'
        )
