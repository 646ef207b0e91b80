"""What a preprocessed batch tells besides its pixels."""
from __future__ import annotations
from collections.abc import Sequence

import torch
from mmseg.models import SegDataPreProcessor
from mmseg.structures import SegDataSample
from torch import Tensor


def restore_rgb(inputs: Tensor, preprocessor: SegDataPreProcessor) -> Tensor:
    """Undo the normalization of images.

    Args:
        inputs (Tensor): (B, 3, H, W), as the preprocessor gives them.
        preprocessor (SegDataPreProcessor): It gets BGR, as mmcv reads.

    Returns:
        Tensor: (B, 3, H, W) RGB from 0 to 255, float32.
    """
    images = inputs.float()
    if preprocessor._enable_normalize:
        images = images * preprocessor.std + preprocessor.mean
    # the second is the name in MMEngine, and in OneDL's MMSegmentation
    converts = getattr(preprocessor, 'channel_conversion', None)
    if converts is None:
        converts = preprocessor._channel_conversion
    return images if converts else images.flip(1)


def valid_area(metas: Sequence[dict], inputs: Tensor) -> Tensor | None:
    """Where images are, and not the padding right of and below them.

    Args:
        metas (Sequence[dict]): Metainfo of B samples.
        inputs (Tensor): (B, 3, H, W).

    Returns:
        Tensor | None: bool (B, H, W); None if there is no padding.

    Raises:
        ValueError: The inputs are crops of padded images, of which nothing
            says where they lie.
    """
    height, width = inputs.shape[-2:]
    paddings = [
        meta.get('img_padding_size', meta.get('padding_size')) or (0, ) * 4
        for meta in metas
    ]
    if not any(any(padding) for padding in paddings):
        return None
    for meta in metas:
        # of test images; those of a training are never cut up
        whole = meta.get('pad_shape') if 'img_padding_size' in meta else None
        if whole is not None and tuple(whole[-2:]) != (height, width):
            raise ValueError(
                f'{meta.get("img_path")}: crops of padded images have no '
                'pseudo-masks, as it is not known what of them is padding: '
                "set model.test_cfg.mode='whole', or leave test_cfg out of "
                'the data_preprocessor and test with batch_size=1')
    valid = torch.zeros(
        len(metas), height, width, dtype=torch.bool, device=inputs.device)
    for area, (left, right, top, bottom) in zip(valid, paddings):
        area[top:height - bottom, left:width - right] = True
    return valid


def image_seeds(metas: Sequence[dict]) -> list[int]:
    """Numbers that stay the same for an image: its ``sample_id``, or 0."""
    return [int(meta.get('sample_id', 0)) for meta in metas]


def stack_label_maps(data_samples: Sequence[SegDataSample]) -> Tensor:
    """Pseudo-masks that the data pipeline has loaded: (B, H, W) int64.

    Raises:
        ValueError: A sample has none.
    """
    for sample in data_samples:
        if 'gt_sem_seg' not in sample:
            raise ValueError(
                f'{sample.get("img_path") or sample.get("key")} has no '
                'pseudo-mask: give the model a `pseudo_mask_generator`, or '
                'load masks from a cache in the training pipeline '
                '(LoadPseudoMasks)')
    return torch.cat([s.gt_sem_seg.data for s in data_samples]).long()


def batch_captions(data_samples: Sequence[SegDataSample]) -> list[str]:
    """The caption of every sample, metainfo ``text``.

    Raises:
        ValueError: A sample has none.
    """
    for sample in data_samples:
        if not isinstance(sample.get('text'), str):
            raise ValueError(f'{_name(sample)} has no caption: add \'text\' '
                             'to `meta_keys` of PackSegInputs')
    return [sample.text for sample in data_samples]


def batch_prompts(data_samples: Sequence[SegDataSample]) -> list[list[str]]:
    """The prompts of every sample, metainfo ``prompts``.

    Raises:
        ValueError: A sample has none, or not as many as the others.
    """
    counts = {}
    for sample in data_samples:
        prompts = sample.get('prompts')
        if not prompts or isinstance(prompts, str):
            raise ValueError(
                f'{_name(sample)} has no prompts, which the multi-label loss '
                "needs: add 'prompts' to `meta_keys` of PackSegInputs, and a "
                'transform that makes them to the pipeline')
        counts[len(prompts)] = _name(sample)
    if len(counts) > 1:
        raise ValueError('the samples of a batch must have as many prompts as '
                         f'each other, but: {counts}')
    return [list(sample.prompts) for sample in data_samples]


def _name(sample: SegDataSample) -> str:
    return str(sample.get('img_path') or sample.get('key'))
