"""Test-time augmentation of models that give probabilities."""
from __future__ import annotations

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample


@MODELS.register_module()
class ProbabilityTTAModel(BaseTTAModel):
    """Averages the probabilities of an image's views.

    For S-Seg, whose results are probabilities. mmseg's ``SegTTAModel`` takes
    the softmax of a network's logits; of probabilities it makes nearly equal
    numbers, with other labels where the views disagree.

    Args:
        module (dict): Config of an :class:`OpenVocabularySegmentor`.
        data_preprocessor (dict, optional): See
            :class:`mmengine.model.BaseTTAModel`.
    """

    def __init__(self,
                 module: dict,
                 data_preprocessor: dict | None = None) -> None:
        super().__init__(module, data_preprocessor)
        self.module.keep_probabilities = True

    def merge_preds(
            self, data_samples_list: list[list[SegDataSample]]
    ) -> list[SegDataSample]:
        """Merge the views of B images.

        Args:
            data_samples_list: B lists of the views' results, at the size of
                the image and not flipped.

        Returns:
            list[SegDataSample]: The first view of each image with the mean of
            the ``seg_logits``, its best label ``pred_sem_seg`` and the
            probability of that ``seg_confidence``.
        """
        merged = []
        for views in data_samples_list:
            probs = torch.stack([v.seg_logits.data for v in views]).mean(0)
            confidence, label = probs.max(dim=0, keepdim=True)
            sample = views[0]
            sample.seg_logits = PixelData(data=probs)
            sample.pred_sem_seg = PixelData(data=label)
            sample.seg_confidence = PixelData(data=confidence)
            merged.append(sample)
        return merged
