from __future__ import annotations
import math
from typing import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

# At the images' original size there are so many channels at a time, and of
# large images fewer, so that they have so many elements at most.
_CHANNELS = 128
_ELEMENTS = 2**26


def take_best_labels(parts: Iterable[Tensor], postprocess: Callable,
                     data_samples: list[SegDataSample] | None,
                     keep_probabilities: bool) -> list[SegDataSample]:
    """Let mmseg post-process probabilities some channels at a time.

    Two things differ from a single call: a thousand classes do not have to be
    in memory at the size of the image, and a single class is not taken for a
    binary mask.

    Args:
        parts (Iterable[Tensor]): (B, c, H, W) each, of consecutive labels;
            a single one if the probabilities are kept.
        postprocess (Callable): ``postprocess_result`` of mmseg's
            ``BaseSegmentor``.
        data_samples (list[SegDataSample], optional): Of length B.
        keep_probabilities (bool): Whether the results get ``seg_logits``.

    Returns:
        list[SegDataSample]: The samples with ``pred_sem_seg`` and
        ``seg_confidence``, the probability of that label.
    """
    best, first = None, 0
    for part in _split(parts, data_samples, keep_probabilities):
        best = best or [None] * len(part)
        count = part.shape[1]
        if count == 1:
            part = F.pad(part, (0, 0, 0, 0, 0, 1), value=-1.)
        results = postprocess(part, data_samples)
        for i, result in enumerate(results):
            part_probs = result.seg_logits.data[:count]
            label = result.pred_sem_seg.data + first
            prob = part_probs.amax(dim=0, keepdim=True)
            if best[i] is not None:
                old_prob, old_label = best[i]
                label = torch.where(prob > old_prob, label, old_label)
                prob = torch.maximum(prob, old_prob)
            best[i] = prob, label
            result.seg_logits.data = part_probs
        first += count
    for result, (prob, label) in zip(results, best):
        result.pred_sem_seg.data = label
        result.seg_confidence = PixelData(data=prob)
        if not keep_probabilities:
            del result.seg_logits
    return results


def _split(parts: Iterable[Tensor], data_samples: list[SegDataSample] | None,
           keep_probabilities: bool) -> Iterator[Tensor]:
    for probs in parts:
        if keep_probabilities:
            yield probs
        else:
            yield from probs.split(_step(probs, data_samples), dim=1)


def _step(probs: Tensor, data_samples: list[SegDataSample] | None) -> int:
    """How many channels fit into memory at the images' original size."""
    if data_samples is None:
        sizes = [probs.shape[-2:]] * len(probs)
    else:
        sizes = [sample.ori_shape for sample in data_samples]
    pixels = sum(map(math.prod, sizes))
    return max(1, min(_CHANNELS, _ELEMENTS // pixels))
