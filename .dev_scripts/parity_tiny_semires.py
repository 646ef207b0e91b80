"""The tiny SemiRES of the stored fixtures: student and teacher are a LAVT."""
from __future__ import annotations

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from parity_tiny import fill, gradients, margin, reduced, tiny_config, uniform
from torch import nn

from mmlangseg.semires.candidates import Candidates
from mmlangseg.semires.losses import PWA
from mmlangseg.semires.refiners import CPI, IOM

SCOPE = 'mmseg'
# What differs from the config of the paper: widths, and nothing random.
TINY = dict(
    text_encoder=dict(
        _delete_=True,
        type='GRUTextEncoder',
        vocabulary=['the', 'red', 'dog', 'left', 'of', 'a', 'car', 'man'],
        hidden_channels=6,
        embed_dims=10),
    backbone=dict(
        embed_dims=8,
        depths=(2, 1, 1, 1),
        num_heads=(1, 2, 2, 4),
        window_size=7,
        drop_path_rate=0.,
        init_cfg=None),
    decode_head=dict(channels=16))
SENTENCES = ('the red dog left of a car', 'man')
SIDE = 64
SAMPLED = ('student.backbone.patch_embed.projection.weight',
           'student.decode_head.conv_seg.weight')


def compute(seed: int) -> dict[str, np.ndarray]:
    """Mutual learning with both refiners, a prediction, and the refiners and
    pixel weights alone."""
    cfg = tiny_config('semires', dict(segmentor=TINY))
    cfg.model.data_preprocessor.data_preprocessor.size = (SIDE, SIDE)
    model = MODELS.build(cfg.model)
    out = dict(weights=fill(model, seed))
    for refiner in (IOM(), CPI()):
        model.refiner = refiner
        prefix = f'{type(refiner).__name__.lower()} '
        losses = run(model.train(), seed)
        out.update((prefix + name, value.detach().numpy())
                   for name, value in losses.items())
        total = losses['sup_loss'] + losses['unsup_loss']
        out.update(gradients(model, total, SAMPLED, prefix))
    with torch.no_grad():
        inputs, samples = branch(seed)
        batch = model.data_preprocessor(
            dict(inputs=inputs, data_samples=samples))
        for name in ('teacher', 'student'):
            logits = getattr(model.eval(), name).logits(**batch)
            out.update(reduced(f'{name} logits', logits))
            out[f'{name} margin'] = margin(logits[:, 1] - logits[:, 0])
            out[f'{name} masks'] = np.packbits(logits.argmax(1).numpy())
    out.update(refinements())
    out['pixel weights'] = PWA()(torch.linspace(0, 1, 33)).numpy()
    return out


def run(model: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Losses of two labelled and two unlabelled images."""
    inputs, data_samples = {}, {}
    for i, name in enumerate(('sup', 'unsup_teacher', 'unsup_student')):
        inputs[name], data_samples[name] = branch(seed + i)
    batch = model.data_preprocessor(
        dict(inputs=inputs, data_samples=data_samples), training=True)
    return model(**batch, mode='loss')


def branch(seed: int) -> tuple[list[torch.Tensor], list[SegDataSample]]:
    """Images of noise on a gradient, with a target and candidates."""
    size = (SIDE, SIDE)
    candidates = (
        Candidates.from_masks([
            rectangle(0, 0, *size),
            rectangle(0, 0, SIDE, SIDE // 2),
            rectangle(8, 16, 40, 32)
        ]),
        Candidates.from_masks([rectangle(60, 60, 4, 4)]),
    )  # yapf: disable
    inputs, samples = [], []
    for i, text in enumerate(SENTENCES):
        noise = uniform(3, *size, seed=10 * seed + i)
        ramp = np.linspace(0, 1, SIDE)
        pixels = 127.5 * (noise + (ramp if i else ramp[:, None]))
        inputs.append(torch.from_numpy(pixels.astype(np.uint8)))
        sample = SegDataSample(
            metainfo=dict(
                text=text,
                img_path=f'{i}.jpg',
                img_shape=size,
                ori_shape=size,
                candidates=candidates[i]))
        target = torch.from_numpy(rectangle(4, 8 * i, 30, 40)).long()
        sample.gt_sem_seg = PixelData(data=target[None])
        samples.append(sample)
    return inputs, samples


def rectangle(top: int, left: int, height: int, width: int) -> np.ndarray:
    """A mask, bool (SIDE, SIDE)."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:top + height, left:left + width] = True
    return mask


def refinements() -> dict[str, np.ndarray]:
    """What IOM and CPI choose, also at their thresholds and of nothing."""
    pseudo = rectangle(0, 0, 10, 10)
    cases = dict(
        equal=[rectangle(0, 0, 10, 10)],
        half=[rectangle(0, 0, 10, 5)],  # IoU of exactly 0.5
        above_half=[rectangle(0, 0, 17, 3),
                    rectangle(0, 0, 9, 6)],
        parts=[rectangle(0, 0, 10, 4),
               rectangle(0, 5, 10, 5)],
        covers_0p7=[rectangle(3, 0, 40, 40)],  # exactly 0.7 of the mask
        covers=[rectangle(2, 0, 40, 40)],
        inside_0p7=[rectangle(3, 0, 10, 10)],
        twins=[rectangle(0, 0, 10, 9),
               rectangle(0, 1, 10, 9)],
        beside=[rectangle(20, 20, 5, 5)],
        none=[])
    out = {}
    for refiner in (IOM(), CPI(), CPI('u'), CPI('o', max_area_ratio=0.5)):
        name = ' '.join(
            filter(
                None,
                [type(refiner).__name__.lower(),
                 getattr(refiner, 'mode', '')]))
        found = [
            refiner(pseudo, Candidates.from_masks(masks, pseudo.shape))
            for masks in cases.values()
        ]
        out[f'{name} chosen'] = np.array([
            sum(1 << i for i in one.chosen) for one in found
        ])  # yapf: disable
        out[f'{name} areas'] = np.array([one.mask.sum() for one in found])
    return out
