from __future__ import annotations
import copy
import shutil

import pytest
import tiny_public
import torch
from mmengine.runner.checkpoint import get_state_dict, load_state_dict
from torch import nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel

from mmlangseg.engine import require_matching_checkpoint
from mmlangseg.sseg.pseudo_masks import DINOFeatures

CONFIG = dict(
    model_type='vit',
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=32,
    patch_size=8,
    image_size=32)
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A pretrained network on disk."""
    path = tmp_path_factory.mktemp('vit')
    torch.manual_seed(5)
    AutoModel.from_config(AutoConfig.for_model(**CONFIG)).save_pretrained(path)
    return str(path)


def test_digest_of_the_weights(folder, tmp_path):
    """By which a cache knows them again."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    before = DINOFeatures(folder).digests()
    assert list(before['sha256']) == ['model.safetensors']
    assert list(before['settings_sha256']) == ['config.json']
    assert DINOFeatures(str(tmp_path), facet='key').digests() == before
    tiny_public.replace_weights(tmp_path)
    assert DINOFeatures(str(tmp_path)).digests() != before
    assert DINOFeatures(config=CONFIG).digests() == {}


def images(height=32, width=48) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, height, width, generator=generator) * 255


def test_tokens_of_the_last_layer(folder):
    features = DINOFeatures(folder)(images())
    network = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        output = network(
            (images() / 255 - MEAN) / STD,
            interpolate_pos_encoding=True).last_hidden_state
    assert features.shape == (2, 24, 4, 6)
    torch.testing.assert_close(
        features.permute(0, 2, 3, 1).flatten(1, 2),
        output[:, 1:],
        rtol=1e-4,
        atol=1e-4)


def test_keys_of_the_last_layer(folder):
    module = DINOFeatures(folder, facet='key', normalize=True)
    network = DINOFeatures(folder).network
    keys, later = [], []
    layers = [
        m for name, m in network.named_modules()
        if name[-3:] == 'key' or name.endswith('k_proj')
    ]
    layers[-1].register_forward_hook(lambda *args: keys.append(args[2]))
    with torch.no_grad():
        network((images() / 255 - MEAN) / STD, interpolate_pos_encoding=True)
    expected = F.normalize(keys[0][:, 1:], dim=-1)
    module.network.layernorm.register_forward_hook(
        lambda *args: later.append(args))
    found = module(images()).permute(0, 2, 3, 1).flatten(1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not later  # nothing runs behind the keys


@pytest.mark.parametrize('size, grid', [((35, 50), (4, 6)), ((1, 1), (1, 1)),
                                        ((4, 100), (1, 12))])
def test_sizes_that_are_no_multiple(folder, size, grid):
    features = DINOFeatures(folder)(images(*size))
    assert features.shape == (2, 24, *grid)
    assert features.isfinite().all()


@pytest.mark.parametrize('model_type', ['dinov2', 'dinov2_with_registers'])
@pytest.mark.parametrize('facet', ['token', 'key'])
def test_other_networks(model_type, facet):
    module = DINOFeatures(
        config=dict(CONFIG, model_type=model_type), facet=facet)
    assert module(images()).shape == (2, 24, 4, 6)


def test_random_weights_are_the_same_in_every_run():
    torch.manual_seed(1)
    first = DINOFeatures(config=CONFIG)(images())
    state = torch.get_rng_state()
    second = DINOFeatures(config=CONFIG)(images())
    assert (torch.get_rng_state() == state).all()
    assert (first == second).all()
    other = DINOFeatures(config=CONFIG, seed=1)(images())
    assert not torch.allclose(first, other)


def test_frozen():
    module = DINOFeatures(config=CONFIG)
    expected = module(images())
    model = nn.Sequential(nn.Linear(2, 2), module).train()
    assert not module.network.training
    assert not module(images().requires_grad_()).requires_grad
    assert len(list(model.parameters())) == 2
    assert (module(images()) == expected).all()


def test_checkpoints_do_not_hold_the_network():
    model = nn.Sequential(nn.Linear(2, 2), DINOFeatures(config=CONFIG))
    state = get_state_dict(model)
    assert set(state) == set(model.state_dict()) == {'0.weight', '0.bias'}
    expected = model[1](images())
    load_state_dict(model, state, strict=True)
    require_matching_checkpoint(model, dict(state_dict=state))
    assert (model[1](images()) == expected).all()


def test_moves_with_the_model():
    model = nn.Sequential(DINOFeatures(config=CONFIG))
    copied = copy.deepcopy(model)
    model.to(torch.float64)
    assert next(model[0].network.parameters()).dtype == torch.float64
    assert next(copied[0].network.parameters()).dtype == torch.float32
    assert (model.to('meta')[0].network.layernorm.weight.device.type == 'meta')


@pytest.mark.parametrize('options, message', [
    (dict(), 'either `pretrained` or `config`'),
    (dict(config=CONFIG, pretrained='x'), 'either `pretrained` or `config`'),
    (dict(config=CONFIG, facet='value'), 'facet must be'),
    (dict(config=dict(CONFIG, patch_size=(8, 4))), 'patches must be square'),
])
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        DINOFeatures(**options)


def test_missing_weights(tmp_path):
    with pytest.raises(OSError, match='nothing_here'):
        DINOFeatures(str(tmp_path / 'nothing_here'))


def test_incomplete_folder(folder, tmp_path):
    """transformers would draw them at random."""
    model = AutoModel.from_pretrained(folder)
    weights = model.state_dict()
    name = next(name for name in weights if 'layer' in name)
    del weights[name]
    model.save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(
            ValueError, match=f'{tmp_path}: .* lacks 1 of .*{name}'):
        DINOFeatures(str(tmp_path))
