"""Candidates that a network finds by the names of things."""
from __future__ import annotations
import os
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from PIL import Image
from pycocotools import mask as mask_utils

from mmlangseg.io.digest import digests_of
from mmlangseg.io.files import read_text
from mmlangseg.prompted import public_config
from .rle import encode
from .source import CANDIDATE_SOURCES, CandidateSource


@CANDIDATE_SOURCES.register_module(name='prompted')
class PromptedObjects(CandidateSource):
    """All objects that SAM 3, or CLIPSeg, finds by a list of names.

    SAM 3 gives each object a mask and a score; CLIPSeg gives one mask for a
    name. Of objects that are nearly the same the one with the best score is
    kept, whatever it was called.

    Args:
        model: SAM 3 or CLIPSeg of transformers: name on the hub or a folder.
        texts: What to look for, such as COCO's 80 names: a list, or a text
            file with one per line.
        device: Where the model runs.
        min_score: Objects with a smaller score are dropped; SAM 3's own limit
            is 0.3.
        duplicate_iou: Of objects with a larger IoU the best is kept.
        prompts_at_once: Texts that are decoded together; by default as many
            as the network says.

    Raises:
        OSError: There is no such model, or file of texts.
        ValueError: It is another kind of model, or there is no text.
    """

    def __init__(self,
                 model: str,
                 texts: str | os.PathLike | Sequence[str],
                 device: str = 'cpu',
                 min_score: float = 0.3,
                 duplicate_iou: float = 0.85,
                 prompts_at_once: int | None = None) -> None:
        if isinstance(texts, (str, os.PathLike)):
            lines = read_text(texts).splitlines()
            texts = [line.strip() for line in lines if line.strip()]
        texts = list(dict.fromkeys(map(str, texts)))
        if not texts:
            raise ValueError('texts: there is nothing to look for, name at '
                             'least one kind of object')
        self.parameters = dict(
            model=str(model),
            texts=texts,
            min_score=min_score,
            duplicate_iou=duplicate_iou)
        self.parameters.update(digests_of(model))
        config = public_config(str(model), 'sentences')
        self._network = MODELS.build(
            dict(config.model.network,
                 pretrained=config.model.pretrained)).to(device)
        self._device = device
        self._size = config.test_pipeline[1].scale
        preprocessor = config.model.data_preprocessor
        self._mean, self._std = (
            torch.tensor(preprocessor[key]).view(3, 1, 1)
            for key in ('mean', 'std'))
        self._prompts = self._network.encode_texts(texts)
        self._at_once = prompts_at_once or self._network.prompts_at_once
        self._min_score = min_score
        self._duplicate_iou = duplicate_iou

    def propose(self, image: np.ndarray) -> Iterator[tuple[dict, float]]:
        small = Image.fromarray(image).resize(self._size, Image.BILINEAR)
        pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1).float()
        pixels = (pixels - self._mean) / self._std
        features = self._network.encode_images(pixels[None].to(self._device))
        masks, scores = [], []
        for first in range(0, len(self._prompts), self._at_once):
            prompts = self._prompts[first:first + self._at_once]
            for found in self._network.objects(features, prompts)[0]:
                for logits, score in zip(found.masks, found.scores.tolist()):
                    if score < self._min_score:
                        continue
                    mask = _at_size(logits, image.shape[:2])
                    if mask.any():
                        masks.append(encode(mask))
                        scores.append(score)
        for index in _without_duplicates(masks, scores, self._duplicate_iou):
            yield masks[index], scores[index]


def _at_size(logits: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """Mask, bool (H, W), of logits (h, w)."""
    full = F.interpolate(
        logits[None, None], size, mode='bilinear', align_corners=False)
    return (full[0, 0] > 0).cpu().numpy()


def _without_duplicates(masks: list[dict], scores: list[float],
                        limit: float) -> list[int]:
    """Indices by falling score."""
    order = np.argsort(-np.array(scores), kind='stable')
    if not len(order):
        return []
    ordered = [masks[i] for i in order]
    iou = mask_utils.iou(ordered, ordered, [0] * len(ordered))
    free, kept = np.ones(len(order), bool), []
    for i in range(len(order)):
        if free[i]:
            kept.append(int(order[i]))
            free &= iou[i] <= limit
    return kept
