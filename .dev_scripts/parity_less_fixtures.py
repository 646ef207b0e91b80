"""The fixtures of LESS, the model with their weights, and its outputs."""
from __future__ import annotations
import json
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmengine.structures import InstanceData
from parity_report import parameter
from torch import Tensor

import mmlangseg.less  # noqa: F401  (registers the model)

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tools/model_converters'))

import checkpoint_io
import less_reference

CONFIG = ROOT / 'configs/_base_/models/less_reference.py'


class Fixtures:
    """The files of the folder, and the model with their weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.config = self._json('less_config.json')

    def __getitem__(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f'{name}.npz') as file:
            return dict(file)

    def _json(self, name: str):
        return json.loads((self.folder / name).read_text())

    def model(self) -> torch.nn.Module:
        """The reference model without dropout, filled by the converter."""
        cfg = Config.fromfile(CONFIG).model
        cfg.text_encoder = dict(
            type='HuggingFaceTextEncoder',
            config=dict(model_type='roberta', **self.config['roberta']))
        cfg.backbone.fusion.dropout = 0.
        cfg.aggregator.dropout = 0.
        model = MODELS.build(cfg)
        with tempfile.TemporaryDirectory() as folder:
            released, ours = f'{folder}/released.pth', f'{folder}/ours.pth'
            torch.save(
                dict(
                    epoch=1,
                    optimizer_state_dict={},
                    model_state_dict=self._released_weights()), released)
            weights = less_reference.convert(
                checkpoint_io.load_weights(released))
            checkpoint_io.save_checkpoint(ours, weights, meta={})
            load_checkpoint(model, ours, map_location='cpu', strict=True)
        # the released code computes these gradients, and does not use them
        return model.requires_grad_(True)

    @lru_cache(maxsize=1)  # drawing the numbers takes seconds
    def _released_weights(self) -> dict[str, Tensor]:
        shapes = {
            name: (shape, dtype)
            for name, shape, dtype in self._json('less_official_state.json')
        }
        levels = self.config['levels']
        for name in self.config['word_fuse_names']:
            _, level, layer, kind = name.split('.')
            channels = 768 if layer == '0' else levels[int(level)]
            shapes[name] = ([channels, 768]
                            if kind == 'weight' else [channels], 'float32')
        return {
            name:
            torch.from_numpy(parameter(name, shape, self.config['seed']))
            if dtype == 'float32' else torch.zeros(shape, dtype=torch.int64)
            for name, (shape, dtype) in shapes.items()
        }


def run(model: torch.nn.Module, points: list[Tensor], masks: list[Tensor],
        input_ids: np.ndarray, attention_mask: np.ndarray,
        dtype: torch.dtype) -> SimpleNamespace:
    """Run the losses of a batch and keep the intermediate results.

    Args:
        model (nn.Module): The reference model.
        points (list[Tensor]): Of length B, each (N_i, 6).
        masks (list[Tensor]): Of length B, each (N_i,) bool.
        input_ids (np.ndarray): (B, L) token ids.
        attention_mask (np.ndarray): (B, L).
        dtype (torch.dtype): Of the computation; voxel coordinates are those
            of float32.

    Returns:
        SimpleNamespace: ``scenes``, ``losses`` and ``taps``, the outputs of
        the modules by their name.
    """
    samples = []
    for mask in masks:
        sample = Det3DDataSample(metainfo=dict(expressions=[dict(text='')]))
        sample.gt_instances_3d = InstanceData(masks=mask.unsqueeze(0))
        samples.append(sample)
    batch = model.data_preprocessor(
        dict(inputs=dict(points=points), data_samples=samples))
    scenes = batch['inputs']['scenes']
    if dtype == torch.float64:
        for scene, rows in zip(scenes, points):
            index = scene.point_to_voxel
            share = rows.double() / scene.counts[index].unsqueeze(1)
            scene.features = scene.features.double().zero_().index_add_(
                0, index, share)
    ids, mask = torch.from_numpy(input_ids), torch.from_numpy(attention_mask)
    model.text_encoder.forward = lambda texts: model.text_encoder.encode(
        ids, mask)
    taps: dict[str, list] = {}
    hooks = []
    for name, module in model.named_modules():

        def keep(module, inputs, output, name=name):
            taps.setdefault(name, []).append(output)

        hooks.append(module.register_forward_hook(keep))
    hooks.append(model.losses['seg'].register_forward_pre_hook(
        lambda module, inputs: taps.update(logits=inputs[0])))
    losses = model(**batch, mode='loss')
    for hook in hooks:
        hook.remove()
    raw = {
        name: losses[f'loss_{name}'] / loss.loss_weight
        for name, loss in model.losses.items()
    }
    return SimpleNamespace(scenes=scenes, losses=raw, taps=taps)
