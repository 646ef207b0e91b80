"""The tiny LESS of the stored fixtures: one scan, two sentences."""
from __future__ import annotations

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData
from parity_tiny import fill, gradients, margin, reduced, tiny_config, uniform
from torch import Tensor, nn

import mmlangseg.less  # noqa: F401  (registers the model)

SCOPE = 'mmdet3d'
# What differs from the config of the paper: widths, and nothing random.
TINY = dict(
    data_preprocessor=dict(voxel_size=0.1),
    text_encoder=dict(
        _delete_=True,
        type='GRUTextEncoder',
        vocabulary=['the', 'red', 'chair', 'near', 'door', 'a', 'table'],
        hidden_channels=8,
        embed_dims=12),
    backbone=dict(channels=[8, 12, 16], block_reps=1, fusion=dict(dropout=0.)),
    decoder=dict(embed_dims=16, num_queries=5, feedforward_channels=32),
    aggregator=dict(dropout=0.))
SENTENCES = ('the red chair near the door', 'a table')
POINTS = 300
SAMPLED = ('backbone.input_conv.0.weight', 'decoder.query.weight',
           'text_encoder.gru.weight_ih_l0')


def compute(seed: int) -> dict[str, np.ndarray]:
    """Losses and gradients in training, and then a prediction."""
    model = MODELS.build(tiny_config('less', TINY).model)
    out = dict(weights=fill(model, seed))
    initial: list[Tensor] = []  # their signs choose what queries attend to
    model.decoder.register_forward_hook(
        lambda module, inputs, output: initial.append(output.initial_logits))

    losses = run(model.train(), seed, 'loss')
    out.update(
        (name, value.detach().numpy()) for name, value in losses.items())
    out.update(gradients(model, sum(losses.values()), SAMPLED))
    for name, value in model.named_buffers():
        if name.endswith(('running_mean', 'running_var')):
            out.update(reduced(name, value))

    with torch.no_grad():
        found = run(model.eval(), seed, 'predict')[0].pred_instances_3d
    out['masks'] = np.packbits(found.masks.numpy(), axis=1)
    out['scores'] = found.scores.numpy()
    out.update(reduced('logits', found.logits))
    out['mask margin'] = margin(found.logits)
    out['attention margin'] = margin(torch.cat([x.flatten() for x in initial]))
    return out


def run(model: nn.Module, seed: int, mode: str):
    """Run the model on random points and a target for each sentence."""
    points = uniform(POINTS, 6, seed=seed)
    points[:, :3] *= 2.1, 1.3, 0.9
    targets = np.stack([
        points[:, 0] < 0.7, (points[:, 1] > 0.5) & (points[:, 2] > 0.4)
    ])  # yapf: disable
    sample = Det3DDataSample(
        metainfo=dict(expressions=[dict(text=text) for text in SENTENCES]))
    sample.gt_instances_3d = InstanceData(masks=torch.from_numpy(targets))
    batch = model.data_preprocessor(
        dict(
            inputs=dict(points=[torch.from_numpy(points).float()]),
            data_samples=[sample]))
    return model(**batch, mode=mode)
