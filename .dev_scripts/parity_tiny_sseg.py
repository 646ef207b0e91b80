"""The tiny S-Seg of the stored fixtures: masks, captions and classes."""
from __future__ import annotations

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from parity_tiny import fill, gradients, margin, reduced, tiny_config, uniform

import mmlangseg.sseg  # noqa: F401  (registers the model)
from mmlangseg.sseg.models import combine

SCOPE = 'mmseg'
SIDE = 48
# What differs from the config of the paper: widths, nothing random, and
# label maps that are given.
TINY = dict(
    data_preprocessor=dict(size=(SIDE, SIDE)),
    backbone=dict(
        embed_dims=8,
        depths=(1, 1, 1, 1),
        num_heads=(1, 1, 2, 2),
        window_size=4,
        drop_path_rate=0.),
    decode_head=dict(
        in_channels=[8, 16, 32, 64],
        feat_channels=16,
        out_channels=16,
        num_queries=5,
        num_layers=2,
        num_heads=2,
        feedforward_channels=16,
        dropout=0.,
        pixel_decoder=dict(norm_cfg=dict(num_groups=4))),
    text_encoder=dict(embed_dims=8, num_layers=1, num_heads=2),
    visual_projection=dict(hidden_channels=16, out_channels=8),
    text_projection=dict(hidden_channels=16, out_channels=8),
    pseudo_mask_generator=None,
    keep_probabilities=True,
    vocabulary=dict(classes=('cat', 'dog', 'grass'), background=True),
    background_threshold=0.4,
    test_cfg=dict(crop_size=(32, 32), stride=(16, 16)))
CAPTIONS = ('a cat on grass', 'the red dog', 'a photo of grass')
SAMPLED = ('backbone.patch_embed.projection.weight',
           'decode_head.query_embed.weight',
           'visual_projection.layers.0.weight', 'contrastive_loss.logit_scale')


def compute(seed: int) -> dict[str, np.ndarray]:
    """Losses and gradients in training, and then a prediction."""
    model = MODELS.build(tiny_config('sseg_swin-s', TINY).model)
    out = dict(weights=fill(model, seed))
    with torch.no_grad():  # so that the queries, and their masks, differ
        model.decode_head.query_embed.weight.mul_(10)

    batch = model.data_preprocessor(images(seed), training=True)
    losses = model.train()(**batch, mode='loss')
    out.update(
        (name, value.detach().numpy()) for name, value in losses.items())
    total = sum(x for name, x in losses.items() if 'loss' in name)
    out.update(gradients(model, total, SAMPLED))

    with torch.no_grad():
        batch = model.eval().data_preprocessor(images(seed))
        masks, classes = model.classified_regions(
            batch['inputs'], [x.metainfo for x in batch['data_samples']])
        out.update(reduced('mask logits', masks))
        out['classes'] = classes.numpy()
        for mode in ('maskformer', 'normalized', 'hard'):
            out.update(reduced(f'{mode} map', combine(classes, masks, mode)))
        found = model(**batch, mode='predict')
    probabilities = torch.stack([x.seg_logits.data for x in found])
    out.update(reduced('probabilities', probabilities))
    best = probabilities.topk(2, dim=1).values
    out['label margin'] = margin(best[:, 0] - best[:, 1])
    labels = torch.stack([x.pred_sem_seg.data for x in found])
    out['labels'] = labels.flatten(1).numpy().astype(np.uint8)
    return out


def images(seed: int) -> dict:
    """Images of noise with captions, and label maps of three columns."""
    inputs, samples = [], []
    for i, text in enumerate(CAPTIONS):
        ramp = np.roll(np.linspace(0, 1, SIDE), 8 * i)
        pixels = 127.5 * (uniform(3, SIDE, SIDE, seed=10 * seed + i) + ramp)
        inputs.append(torch.from_numpy(pixels.astype(np.uint8)))
        sample = SegDataSample(
            metainfo=dict(
                text=text,
                sample_id=i,
                img_path=f'{i}.jpg',
                img_shape=(SIDE, SIDE),
                ori_shape=(SIDE, SIDE)))
        columns = (torch.arange(SIDE) * 3 // SIDE + i) % 3
        sample.gt_sem_seg = PixelData(data=columns.expand(1, SIDE, SIDE))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)
