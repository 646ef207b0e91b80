"""From features of regions and the names of classes to a label map (Sec. 3.5):
classify regions, combine their masks, add the background, take the best label.
"""
from __future__ import annotations
import math
from collections.abc import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from mmlangseg.cpu.chunks import channels_at_once

SIMILARITIES = ('cosine', 'relative')
COMBINATIONS = ('maskformer', 'normalized', 'hard')
BACKGROUND_RULES = ('constant', 'groupvit')
# Logits beyond, such as infinite ones of half precision, count as this: their
# differences, and their products with weights of 0, would be NaN.
_LARGEST = 1e6


def check_similarity(similarity: str) -> None:
    """Refuse a similarity that does not exist."""
    if similarity not in SIMILARITIES:
        raise ValueError(f'similarity must be one of {SIMILARITIES}, got '
                         f'{similarity!r}')


def classify_regions(features: Tensor,
                     names: Tensor,
                     scale: Tensor | float,
                     similarity: str = 'cosine',
                     owners: Tensor | None = None) -> Tensor:
    """Compare regions with the names of classes.

    Computed in float32.

    Args:
        features (Tensor): Of N regions in each image or crop, (B, N, D).
        names (Tensor): Of K names of classes, of unit length, (K, D).
        scale (Tensor | float): What similarities are multiplied with:
            1 / temperature.
        similarity (str): 'cosine', as in the paper; or 'relative', the cosine
            times the length of the feature, divided by that of the longest
            one in its image. An image's feature is an average, in which long
            features count more. So those of regions that captions do not
            speak of become short, and here no class is sure of them, while
            the cosine must choose one.
        owners (Tensor, optional): The class of each name, int64 (K, ), each
            of the C classes at least once. The most similar name of a class
            counts. By default every name is a class.

    Returns:
        Tensor: Probabilities (B, N, C).
    """
    check_similarity(similarity)
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        if similarity == 'cosine':
            features = F.normalize(features, dim=-1)
        else:
            longest = features.norm(dim=-1).amax(dim=1)  # (B, )
            features = features / longest.clamp(min=1e-12)[:, None, None]
        logits = scale * features @ names.float().t()  # (B, N, K)
        if owners is not None:
            logits = logits.new_empty(*logits.shape[:2],
                                      int(owners.max()) + 1).scatter_reduce(
                                          2,
                                          owners.expand_as(logits),
                                          logits,
                                          'amax',
                                          include_self=False)
        return logits.softmax(dim=-1)


def combine(class_probs: Tensor,
            mask_logits: Tensor,
            mode: str = 'normalized') -> Tensor:
    """Let masks with class probabilities vote for each pixel.

    The paper says "similar to" MaskFormer. Most masks are not supervised in
    an image, so that their sum is not normalized, and a threshold on the
    maximum has a meaning only with the other two modes.

    Args:
        class_probs (Tensor): (B, N, C) probabilities of the classes of N
            masks.
        mask_logits (Tensor): (B, N, H, W).
        mode (str): 'maskformer': sum over q of ``class_probs[q, c] *
            sigmoid(mask_logits[q, h, w])``; 'normalized': this divided by the
            sum of the sigmoids, which makes it a probability; 'hard': the
            distribution of the pixel's strongest mask.

    Returns:
        Tensor: (B, C, H, W).
    """
    return _vote(class_probs, _finite(mask_logits), mode)


def _finite(mask_logits: Tensor) -> Tensor:
    return mask_logits.clamp(-_LARGEST, _LARGEST)


def _vote(class_probs: Tensor, mask_logits: Tensor, mode: str) -> Tensor:
    if mode not in COMBINATIONS:
        raise ValueError(f'combination must be one of {COMBINATIONS}, got '
                         f'{mode!r}')
    if mode == 'hard':
        best = mask_logits.argmax(dim=1)  # (B, H, W)
        # a gather would first expand the classes over the pixels
        chosen = [probs.t()[:, pick] for probs, pick in zip(class_probs, best)]
        return torch.stack(chosen)
    if mode == 'maskformer':
        masks = mask_logits.sigmoid()
    else:
        # the sigmoids divided by their sum, also where all of them vanish
        masks = F.logsigmoid(mask_logits).softmax(dim=1)
    return torch.einsum('bqc,bqhw->bchw', class_probs, masks)


def combine_resized(class_probs: Tensor,
                    mask_logits: Tensor,
                    size: tuple[int, int],
                    mode: str = 'normalized',
                    upsample: str = 'masks',
                    covered: tuple[int, int] | None = None) -> Tensor:
    """Combine masks of a low resolution into a map of the image's size.

    Args:
        class_probs (Tensor): (B, N, C).
        mask_logits (Tensor): (B, N, h, w).
        size (tuple[int, int]): H, W of the result.
        mode (str): See :func:`combine`.
        upsample (str): 'masks' enlarges the masks and combines them then, as
            MaskFormer does; 'probabilities' combines first and enlarges the
            result, which is quicker with fewer classes than masks (measured
            on a CPU: 14 times with 21 classes, 4 times with 81, not at all
            with 1,203).
        covered (tuple[int, int], optional): Height and width that the masks
            are of, where they reach over the lower and right edge of the
            image. By default ``size``.

    Returns:
        Tensor: (B, C, H, W).
    """
    rows, columns = size
    if upsample == 'masks':
        masks = _resize(_finite(mask_logits), covered or size)
        return _vote(class_probs, masks[..., :rows, :columns], mode)
    if upsample == 'probabilities':
        probs = combine(class_probs, mask_logits, mode)
        return _resize(probs, covered or size)[..., :rows, :columns]
    raise ValueError("upsample must be 'masks' or 'probabilities', got "
                     f'{upsample!r}')


def _resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(
        maps, size=tuple(size), mode='bilinear', align_corners=False)


def check_background_rule(rule: str) -> None:
    """Refuse a rule that does not exist."""
    if rule not in BACKGROUND_RULES:
        raise ValueError(f'background_rule must be one of {BACKGROUND_RULES}, '
                         f'got {rule!r}')


def add_background(probs: Tensor, rule: str, threshold: float) -> Tensor:
    """Put a channel of the background in front of the classes.

    The paper thresholds the maximum probability "following GroupViT".

    Args:
        probs (Tensor): (B, C, H, W) probabilities of the classes.
        rule (str): 'constant': the channel is ``threshold`` everywhere, which
            may be averaged over crops; 'groupvit': the channel is 1 where no
            class reaches ``threshold`` or, if none does so anywhere in the
            image or crop, the highest probability in it, and else 0.
        threshold (float): See ``rule``.

    Returns:
        Tensor: (B, 1 + C, H, W).
    """
    check_background_rule(rule)
    best = probs.amax(dim=1, keepdim=True)  # (B, 1, H, W)
    if rule == 'constant':
        background = torch.full_like(best, threshold)
    else:
        limit = best.amax(dim=(2, 3), keepdim=True).clamp(max=threshold)
        background = (best < limit).to(probs)
    return torch.cat([background, probs], dim=1)


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
    best: dict[int, tuple[Tensor, Tensor]] = {}
    first = 0
    for part in _split(parts, data_samples, keep_probabilities):
        count = part.shape[1]
        if count == 1:
            part = F.pad(part, (0, 0, 0, 0, 0, 1), value=-1.)
        results = postprocess(part, data_samples)
        for i, result in enumerate(results):
            part_probs = result.seg_logits.data[:count]
            label = result.pred_sem_seg.data + first
            prob = part_probs.amax(dim=0, keepdim=True)
            if i in best:
                old_prob, old_label = best[i]
                label = torch.where(prob > old_prob, label, old_label)
                prob = torch.maximum(prob, old_prob)
            best[i] = prob, label
            result.seg_logits.data = part_probs
        first += count
    for i, result in enumerate(results):
        prob, label = best[i]
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
    return channels_at_once(pixels)
