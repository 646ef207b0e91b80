"""The fixtures of LAVT, the model with their weights, and its outputs."""
from __future__ import annotations
import json
import sys
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from parity_report import parameter
from torch import Tensor

import mmlangseg.semires  # noqa: F401  (registers the model)

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tools/model_converters'))

import checkpoint_io
import lavt_reference

CONFIG = ROOT / 'configs/_base_/models/lavt.py'
# What differs from the base config.
SIZES = {
    'tiny_w7':
    dict(
        backbone=dict(
            embed_dims=96,
            depths=(2, 2, 6, 2),
            num_heads=(3, 6, 12, 24),
            window_size=7),
        decode_head=dict(channels=384)),
    'base_w12':
    dict(),
}


class Fixtures:
    """The files of the folder, and the model with their weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.config = self._json('lavt_config.json')

    def __getitem__(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f'{name}.npz') as file:
            return dict(file)

    def _json(self, name: str):
        return json.loads((self.folder / name).read_text())

    def model(self, size: str) -> torch.nn.Module:
        """LAVT without random drops, filled by the converter."""
        cfg = Config.fromfile(CONFIG)
        cfg.merge_from_dict(dict(model=SIZES[size]))
        cfg = cfg.model
        cfg.text_encoder = dict(
            type='HuggingFaceTextEncoder',
            config=dict(model_type='bert', **self.config['bert']))
        cfg.backbone.drop_path_rate = 0.
        cfg.backbone.init_cfg = None
        model = MODELS.build(cfg)
        weights = dict(self.released_weights(size))
        bert = {
            name.removeprefix('bert_model.'): weights.pop(name)
            for name in list(weights) if name.startswith('bert_model.')
        }
        with tempfile.TemporaryDirectory() as folder:
            released, ours = f'{folder}/released.pth', f'{folder}/ours.pth'
            torch.save(dict(epoch=1, model=weights, bert_model=bert), released)
            with warnings.catch_warnings():
                # the gate of the last stage is left out
                warnings.simplefilter('ignore')
                converted = lavt_reference.convert(
                    lavt_reference.load_released(released))
            checkpoint_io.save_checkpoint(ours, converted, meta={})
            load_checkpoint(model, ours, map_location='cpu', strict=True)
        return model

    @lru_cache(maxsize=1)  # drawing the numbers takes seconds
    def released_weights(self, size: str) -> dict[str, Tensor]:
        """A state dict with the names of the released code."""
        weights = {}
        for prefix, file in (
            ('', f'lavt_official_state_{size}'),
            ('bert_model.', 'bert_official_state_tiny'),
        ):
            for name, shape, dtype in self._json(f'{file}.json'):
                name = prefix + name
                if dtype == 'float32':
                    value = torch.from_numpy(
                        parameter(name, shape, self.config['seed']))
                else:
                    value = torch.zeros(shape, dtype=torch.int64)
                    if name.endswith('relative_position_index'):
                        value = lavt_reference.relative_position_index(value)
                weights[name] = value
        return weights


def unpack(bits: np.ndarray, *shape: int) -> Tensor:
    """Masks of a shape from their bits."""
    return torch.from_numpy(
        np.unpackbits(bits)[:np.prod(shape)].reshape(shape)).long()


def run(model: torch.nn.Module, inputs: dict,
        dtype: torch.dtype) -> SimpleNamespace:
    """Segment a batch and keep the intermediate results.

    Args:
        model (nn.Module): LAVT in ``dtype``.
        inputs (dict): ``image`` (B, 3, H, W), ``input_ids`` and
            ``attention_mask`` (B, L).
        dtype (torch.dtype): Of the computation.

    Returns:
        SimpleNamespace: ``hidden`` (B, L, C), ``stages``, ``decoder_out`` and
        ``logits``.
    """
    ids = torch.from_numpy(inputs['input_ids'])
    mask = torch.from_numpy(inputs['attention_mask'])
    model.text_encoder.forward = lambda texts: model.text_encoder.encode(
        ids, mask)
    taps = {}
    hooks = []
    for name in ('text_encoder', 'backbone', 'decode_head'):

        def keep(module, inputs, output, name=name):
            taps[name] = output

        hooks.append(getattr(model, name).register_forward_hook(keep))
    samples = [SegDataSample(metainfo=dict(text='')) for _ in ids]
    image = torch.from_numpy(inputs['image']).to(dtype)
    logits = model.logits(image, samples)
    for hook in hooks:
        hook.remove()
    return SimpleNamespace(
        hidden=taps['text_encoder'].with_sentence()[0],
        stages=taps['backbone'],
        decoder_out=taps['decode_head'],
        logits=logits)
