"""What a config names as pretrained is loaded, converted or refused."""
from __future__ import annotations
import re

import pytest
import sseg_model
import torch
from lavt_model import SWIN
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from mmlangseg.engine import watch_load_from, watch_pretrained
from mmlangseg.engine.swin_names import reorder_swin

OURS_TO_ORIGINAL = [(r'^stages\.', 'layers.'), (r'\.w_msa\.', '.'),
                    (r'\.ffn\.layers\.0\.0\.', '.mlp.fc1.'),
                    (r'\.ffn\.layers\.1\.', '.mlp.fc2.'),
                    (r'\.projection\.', '.proj.')]
BACKBONES = dict(
    swin=dict(type='SwinTransformer', **SWIN),
    resnet=dict(
        type='ResNet',
        depth=18,
        stem_channels=4,
        base_channels=4,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2),
        norm_cfg=dict(type='BN')),
    mae=dict(
        type='MAE',
        img_size=(32, 32),
        patch_size=16,
        embed_dims=8,
        num_layers=2,
        num_heads=2,
        init_values=1.0,
        out_indices=[1]),
    lavt=dict(type='MultiModalSwin', word_channels=6, **SWIN))


@pytest.fixture(autouse=True, scope='module')
def scope(what_mmengine_remembers_of_the_module_only):
    init_default_scope('mmseg')


def build(kind: str, seed: int = 0, **changes) -> nn.Module:
    torch.manual_seed(seed)
    model = MODELS.build({**BACKBONES[kind], **changes})
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    return model


def initialized(kind: str, path, prefix=None, **changes) -> nn.Module:
    """A backbone that begins with a file, as a runner makes it."""
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    if prefix:
        init_cfg['prefix'] = prefix
    model = build(kind, seed=1, init_cfg=init_cfg, **changes)
    watch_pretrained(model)
    watch_pretrained(model)  # more than once is allowed
    model.init_weights()
    return model


def saved(tmp_path, state: dict):
    torch.save(state, tmp_path / 'weights.pth')
    return tmp_path / 'weights.pth'


def original_swin(model: nn.Module) -> dict:
    """The weights of mmseg's Swin, named and ordered as the original's."""
    weights = {}
    for name, value in model.state_dict().items():
        order = torch.arange(value.shape[-1])
        back = reorder_swin(name, order).argsort()
        if '.downsample.' in name:
            value = value[..., back]
        for pattern, new in OURS_TO_ORIGINAL:
            name = re.sub(pattern, new, name)
        if not re.match(r'norm\d', name):  # of segmentation models only
            weights[name] = value
    return dict(
        weights, **{
            'norm.weight': torch.ones(64),
            'head.weight': torch.ones(10, 64),
            'layers.0.blocks.1.attn_mask': torch.ones(1)
        })


def image() -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize('wrap', [
    lambda w: dict(model=w),
    lambda w: dict(state_dict={f'backbone.{k}': v
                               for k, v in w.items()})
], ids=['original', 'segmentor'])  # yapf: disable
def test_swin_with_the_names_of_the_original(tmp_path, wrap):
    trained = build('swin')
    path = saved(tmp_path, wrap(original_swin(trained)))
    model = initialized('swin', path)
    for i in range(4):  # these are of segmentation models only
        getattr(model, f'norm{i}').load_state_dict(
            getattr(trained, f'norm{i}').state_dict())
    model.eval(), trained.eval()  # mmseg's returns None
    with torch.no_grad():
        for ours, theirs in zip(model(image()), trained(image())):
            assert torch.equal(ours, theirs)


def test_swin_of_another_window(tmp_path):
    trained = build('swin', window_size=SWIN['window_size'] + 2)
    path = saved(tmp_path, dict(model=original_swin(trained)))
    state = initialized('swin', path).state_dict()
    for name, value in trained.state_dict().items():
        if not re.search(r'relative_position|^norm\d', name):
            assert torch.equal(state[name], value), name
        elif 'table' in name:
            drawn = build('swin', seed=1).state_dict()[name]
            assert state[name].shape == drawn.shape
            assert not torch.equal(state[name], drawn)


def test_in_a_segmentor(tmp_path):
    """S-Seg watches its parts itself, without our tools."""
    trained = build('swin', **sseg_model.BACKBONE)
    path = saved(tmp_path, dict(model=original_swin(trained)))
    backbone = dict(
        sseg_model.BACKBONE,
        init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    config = sseg_model.model_config(tmp_path, backbone=backbone)
    model = MODELS.build(config)
    model.init_weights()
    for name, value in trained.state_dict().items():
        if not re.match(r'norm\d', name):
            assert torch.equal(model.backbone.state_dict()[name], value), name
    saved(tmp_path, {'timm.weight': torch.ones(3)})
    with pytest.raises(ValueError, match=r'^backbone\.init_cfg\.checkpoint='):
        MODELS.build(config).init_weights()


@pytest.mark.parametrize('kind', BACKBONES)
def test_names_of_another_library(tmp_path, kind):
    state = {
        f'encoder.{n}': v
        for n, v in build(kind).state_dict().items()
        if 'relative_position' not in n
    }
    with pytest.raises(ValueError, match=r'weights\.pth'):
        initialized(kind, saved(tmp_path, state))


@pytest.mark.parametrize('kind', ['swin', 'resnet', 'mae'])
def test_whole_backbone(tmp_path, kind):
    trained = build(kind)
    state = dict(trained.state_dict(), **{'head.weight': torch.ones(2)})
    model = initialized(kind, saved(tmp_path, state))
    for name, value in trained.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_prefix(tmp_path):
    trained = build('resnet')
    state = {f'backbone.{n}': v for n, v in trained.state_dict().items()}
    path = saved(tmp_path, dict(state_dict=state))
    model = initialized('resnet', path, prefix='backbone.')
    assert torch.equal(model.conv1.weight, trained.conv1.weight)
    with pytest.raises(ValueError, match='0 of the .* but backbone.conv1'):
        initialized('resnet', path)


def test_what_may_be_missing_is_named(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr('mmlangseg.engine.pretrained.print_log',
                        lambda text, *_: messages.append(text))
    trained = build('mae')
    state = {n: v for n, v in trained.state_dict().items() if 'gamma' not in n}
    model = initialized('mae', saved(tmp_path, state))
    assert torch.equal(model.layers[1].attn.qkv.weight,
                       trained.layers[1].attn.qkv.weight)
    assert len(messages) == 1
    assert 'lacks 4 of' in messages[0] and 'layers.1.gamma_2' in messages[0]


@pytest.mark.parametrize('kind, other, message', [
    ('resnet', dict(depth=18), None),
    ('resnet', dict(base_channels=6), 'another size'),
    ('resnet',
     dict(
         num_stages=4,
         strides=(1, 2, 1, 1),
         dilations=(1, 1, 1, 1),
         out_indices=(0, 1, 2)), None),
    ('mae', dict(num_layers=1), 'fewer layers'),
    ('swin', dict(depths=(1, 1, 1, 1)), 'fewer layers'),
])
def test_other_architecture(tmp_path, kind, other, message):
    path = saved(tmp_path, dict(build(kind, **other).state_dict()))
    if message is None:
        initialized(kind, path)
    else:
        with pytest.raises((ValueError, RuntimeError), match=message):
            initialized(kind, path)


def test_damaged_weights(tmp_path):
    state = dict(build('resnet').state_dict())
    state['layer1.0.conv1.weight'] = state['layer1.0.conv1.weight'] * torch.nan
    with pytest.raises(
            ValueError,
            match=r'init_cfg.checkpoint=.*weights\.pth: layer1.0.conv1.weight '
            'has .* not finite'):
        initialized('resnet', saved(tmp_path, state))


def test_only_the_file_is_judged(tmp_path):
    """What is loaded later, such as a part, is not the file's fault."""
    model = initialized('resnet', saved(tmp_path,
                                        build('resnet').state_dict()))
    model.load_state_dict({'conv1.weight': model.conv1.weight}, strict=False)


class TestLoadFrom:

    def begin(self, state: dict):
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        watch_load_from(model, 'a.pth')
        model.load_state_dict(state, strict=False)
        return model

    def test_a_part(self):
        model = self.begin({'0.weight': torch.eye(2)})
        assert torch.equal(model[0].weight, torch.eye(2))

    @pytest.mark.parametrize('state', [
        {},
        {
            'epoch': torch.tensor(3)
        },
        {
            'net.0.weight': torch.ones(2, 2)
        },
        {
            f'{i}.weight': torch.ones(2, 2)
            for i in range(1, 5)
        },
    ])
    def test_another_model(self, state):
        with pytest.raises(ValueError, match='load_from=a.pth: .* another'):
            self.begin(state)

    def test_damaged(self):
        with pytest.raises(ValueError, match='a.pth: 0.bias .* not finite'):
            self.begin({'0.bias': torch.ones(2) * torch.nan})
