"""Weights of LESS give the same results, however they were saved."""
from __future__ import annotations
from types import SimpleNamespace

import pytest
import torch
from less_model import build, model_config, run, scene
from mmengine.config import Config
from mmengine.model import ExponentialMovingAverage
from mmengine.runner import (CheckpointLoader, get_state_dict, load_checkpoint,
                             save_checkpoint)
from safetensors.torch import save_file

from mmlangseg.apis.model import load_model
from mmlangseg.engine import CheckpointMatchHook

KINDS = ('whole', 'plain', 'bare', 'distributed', 'averaged', 'moving',
         'safetensors', 'half')


@pytest.fixture
def model(tmp_path):
    model = build(model_config(tmp_path), seed=1).eval()
    for parameter in model.parameters():  # exact in half precision
        parameter.data = parameter.data.bfloat16().float()
    return model


def save(model, kind: str, path) -> str:
    """Write the weights in one of the ways of the field."""
    state = get_state_dict(model)
    if kind == 'whole':
        save_checkpoint(dict(state_dict=state, meta={}), path)
        return path
    if kind == 'moving':
        average = ExponentialMovingAverage(model)
        torch.save(average.state_dict(), path)
        return path
    if kind == 'averaged':  # of two epochs, as soups are made
        other = {
            n: v - 0.5 if v.is_floating_point() else v
            for n, v in state.items()
        }
        more = {
            n: v + 0.5 if v.is_floating_point() else v
            for n, v in state.items()
        }
        state = {
            n: (other[n] + more[n]) / 2 if v.is_floating_point() else v
            for n, v in state.items()
        }
    state = {n: v.contiguous() for n, v in state.items()}
    if kind == 'half':
        state = {
            n: v.bfloat16() if v.is_floating_point() else v
            for n, v in state.items()
        }
    if kind == 'safetensors':
        save_file(state, path)
        return path
    if kind == 'distributed':
        state = {f'module.{n}': v for n, v in state.items()}
    torch.save(state if kind == 'bare' else dict(state_dict=state), path)
    return path


def logits(model):
    with torch.no_grad():
        return run(model.eval(), [scene(expressions=2)], 'tensor')[0]


@pytest.mark.parametrize('kind', KINDS)
def test_testing_and_training(tmp_path, model, kind):
    """``Runner.load_checkpoint``, for testing, --resume and load_from."""
    path = save(model, kind, str(tmp_path / 'a.pth'))
    other = build(model_config(tmp_path), seed=2)
    CheckpointMatchHook().after_load_checkpoint(
        SimpleNamespace(model=other),
        CheckpointLoader.load_checkpoint(path, 'cpu'))
    load_checkpoint(other, path, 'cpu', revise_keys=[(r'^module.', '')])
    torch.testing.assert_close(
        logits(other), logits(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('kind', KINDS)
def test_inference(tmp_path, model, kind):
    path = save(model, kind, str(tmp_path / 'a.pth'))
    config = Config(
        dict(default_scope='mmdet3d', model=model_config(tmp_path)))
    torch.testing.assert_close(
        logits(load_model(config, path, 'cpu')),
        logits(model),
        rtol=1e-5,
        atol=1e-5)


def test_kernels_of_spconv_1_are_another_model(tmp_path, model):
    state = get_state_dict(model)
    name = 'backbone.unet.conv.2.weight'
    state[name] = state[name].permute(1, 2, 3, 4, 0)
    with pytest.raises(
            ValueError,
            match=r'other\.pth .* 1 of .*conv.2.weight '
            r'should be \(12, 2, 2, 2, 8\), but is \(2, 2, 2, 8'):
        CheckpointMatchHook().after_load_checkpoint(
            SimpleNamespace(model=model, _load_from='other.pth'), state)
