"""Comparison of the images that SemiRES feeds to its networks."""
from __future__ import annotations
from pathlib import Path

import numpy as np
import torch
from mmseg.registry import MODELS, TRANSFORMS
from parity_report import Report

import mmlangseg.semires  # noqa: F401  (registers the transforms)


def check(folder: Path, report: Report) -> None:
    """Compare resized images, weak views and strong views.

    Args:
        folder: Of the fixtures.
        report: Takes the comparisons.

    Raises:
        FileNotFoundError: The fixtures are not there.
    """
    with np.load(Path(folder) / 'transforms.npz') as file:
        data = dict(file)
    image = _check_resize(data, report)
    _check_blur(data, image, report)
    _check_strong(data, image, report)


def _check_resize(data: dict, report: Report) -> np.ndarray:
    """Image and mask at the training size; returns the image, RGB."""
    height, width = data['mask_hw']
    mask = np.unpackbits(data['mask'])[:height * width].reshape(height, width)
    resize = TRANSFORMS.build(
        dict(
            type='mmseg.Resize',
            scale=data['resized_u8'].shape[1::-1],
            backend='pillow'))
    results = resize(
        dict(
            img=data['image'][..., ::-1],
            gt_seg_map=mask,
            seg_fields=['gt_seg_map']))
    image, mask = results['img'][..., ::-1], results['gt_seg_map']
    report.exact('transforms resized_u8', image, data['resized_u8'])
    report.exact('transforms resized_mask', np.packbits(mask),
                 data['resized_mask'])
    report.exact('transforms target_sum', mask.sum(), data['target_sum'])
    pixels = _normalize(image)
    report.absolute('transforms base_sub', pixels[:, ::2, ::2],
                    data['base_sub'], 2e-6)
    pixels = pixels.double()
    report.relative('transforms base_checksum',
                    torch.stack([pixels.sum(),
                                 pixels.square().sum()]),
                    data['base_checksum'], 1e-6)
    return image


def _check_blur(data: dict, image: np.ndarray, report: Report) -> None:
    """The weak view where the blur fires."""
    blur = TRANSFORMS.build(dict(type='mmseg.RandomGaussianBlur', prob=1.))
    image = blur(dict(img=image[..., ::-1]))['img'][..., ::-1]
    report.exact('transforms blur_u8', image.transpose(2, 0, 1),
                 data['blur_u8'])
    report.absolute('transforms weak_blur_sub',
                    _normalize(image)[:, ::4, ::4], data['weak_blur_sub'],
                    2e-6)


def _check_strong(data: dict, weak: np.ndarray, report: Report) -> None:
    """The strong view as released, of a weak view without blur."""
    transform = TRANSFORMS.build(
        dict(type='mmseg.RandomColorJitter', strong_from='normalised'))
    cases = [('strong_nojitter_sub', (), (), 2e-6)]
    for name in ('strong_jitter0', 'strong_jitter1'):
        factors = data[f'{name}/brightness_contrast_saturation_hue']
        cases.append((f'{name}/out_sub', data[f'{name}/order'], factors, 1e-4))
    for name, order, factors, tolerance in cases:
        view = transform.strong_view(weak[..., ::-1], order, factors)
        report.absolute(f'transforms {name}',
                        _normalize(view[..., ::-1])[:, ::4, ::4], data[name],
                        tolerance)


def _normalize(image: np.ndarray) -> torch.Tensor:
    """What the network gets of an RGB image (H, W, 3): (3, H, W)."""
    preprocess = MODELS.build(
        dict(
            type='mmseg.SegDataPreProcessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True))
    bgr = torch.from_numpy(np.ascontiguousarray(image[..., ::-1]))
    return preprocess(dict(inputs=[bgr.permute(2, 0, 1)]))['inputs'][0]
