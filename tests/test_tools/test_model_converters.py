from __future__ import annotations
import re
import sys
from pathlib import Path

import pytest
import torch
from less_model import build, model_config, run, scene
from mmengine.runner import load_checkpoint
from safetensors.torch import save_file
from spconv.pytorch import SparseModule
from tool_server import run_python

from mmlangseg.less.models import LESSUNet

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'model_converters'
sys.path.insert(0, str(FOLDER))

import checkpoint_io  # noqa: E402
import less_reference  # noqa: E402
import spformer_backbone  # noqa: E402


class TestReading:

    @pytest.mark.parametrize('wrap', [
        lambda w: w,
        lambda w: dict(state_dict=w, meta={}),
        lambda w: dict(model_state_dict=w, epoch=3),
        lambda w: dict(net={
            f'module.{k}': v
            for k, v in w.items()
        }),
    ])
    def test_wrappers(self, tmp_path, wrap):
        weights = {'a.weight': torch.ones(2)}
        torch.save(wrap(weights), tmp_path / 'model.pth')
        found = checkpoint_io.load_weights(tmp_path / 'model.pth')
        assert list(found) == ['a.weight']

    def test_safetensors(self, tmp_path):
        save_file({'module.a.weight': torch.ones(2)}, tmp_path / 'a.pth')
        found = checkpoint_io.load_weights(tmp_path / 'a.pth')
        assert torch.equal(found.pop('a.weight'), torch.ones(2)) and not found

    @pytest.mark.parametrize(
        'content',
        [[1], {}, dict(epoch=3),
         dict(a=torch.ones(1), epoch=3)])
    def test_other_content(self, tmp_path, content):
        torch.save(content, tmp_path / 'model.pth')
        with pytest.raises(ValueError, match='no.* weights'):
            checkpoint_io.load_weights(tmp_path / 'model.pth')

    def test_code_is_not_run(self, tmp_path):
        torch.save(dict(net=Harmful()), tmp_path / 'model.pth')
        with pytest.raises(ValueError, match='more than tensors'):
            checkpoint_io.load_weights(tmp_path / 'model.pth')
        assert not Harmful.ran


class Harmful:
    ran = False

    def __reduce__(self):
        return setattr, (Harmful, 'ran', True)


# What the released code calls the weights of our model; dots are escaped.
OURS_TO_RELEASED = [
    (r'backbone\.((?:unet\.)(?:u\.)*)fusion\.mlp\.', r'\1pwca.mlp.0.'),
    (r'backbone\.((?:unet\.)(?:u\.)*)fusion\.(attn|norm)\.', r'\1pwca.\2.'),
    (r'backbone\.', ''),
    (r'aggregator\.sentence\.', 'sentense_output_layer.'),
    (r'text_encoder\.encoder\.', 'language_encoder.'),
    (r'decoder\.input_proj\.', 'query_decoder.input_proj.0.'),
    (r'decoder\.input_norm\.', 'query_decoder.input_proj.1.'),
    (r'decoder\.mask_hidden\.0\.', 'query_decoder.x_mask.0.'),
    (r'decoder\.mask_out\.', 'query_decoder.x_mask.2.'),
    (r'decoder\.layers\.0\.(cross|self)_attn\.',
     r'query_decoder.\1_attn_layers.0.attn.'),
    (r'decoder\.layers\.0\.self_norm\.',
     'query_decoder.self_attn_layers.0.norm.'),
    (r'decoder\.layers\.0\.ffn\.0\.', 'query_decoder.ffn_layers.0.net.0.'),
    (r'decoder\.layers\.0\.ffn\.2\.', 'query_decoder.ffn_layers.0.net.3.'),
    (r'decoder\.layers\.0\.ffn_norm\.', 'query_decoder.ffn_layers.0.norm.'),
    (r'decoder\.', 'query_decoder.'),
]
DEAD = [
    'language_encoder.pooler.dense.weight', 'query_decoder.out_cls.0.weight',
    'query_decoder.out_score.2.bias',
    'query_decoder.cross_attn_layers.0.norm.weight'
]
WORDS = re.compile(r'backbone\.unet\.((?:u\.)*)fusion\.words\.')


def released_name(name: str) -> str:
    for pattern, new in OURS_TO_RELEASED:
        if re.match(pattern, name):
            return re.sub(pattern, new, name, count=1)
    raise KeyError(name)


@pytest.fixture
def reference_model(tmp_path):
    """The variant of the released code, three levels of 3 channels: their
    kernels have the same shape in every layout."""
    config = model_config(
        tmp_path,
        text_encoder=dict(
            type='HuggingFaceTextEncoder',
            config=dict(
                model_type='roberta',
                vocab_size=20,
                hidden_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=24,
                pad_token_id=1)),
        backbone=dict(
            type='LESSUNet',
            channels=[3, 3, 3],
            block_reps=1,
            fusion=dict(
                type='PWCA', mask_padding=False, num_tanh=2,
                freeze_words=True)),
        decoder=dict(type='QMP', embed_dims=16, cross_attn_norm=False))
    model = build(config)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    return model


@pytest.fixture
def released(reference_model, tmp_path):
    """A checkpoint file as the released code writes it."""
    weights = {
        released_name(name): value
        for name, value in reference_model.state_dict().items()
        if not WORDS.match(name)
    }
    weights.update({name: torch.zeros(2) for name in DEAD})
    path = tmp_path / 'checkpoint_best.pth'
    torch.save(
        dict(
            epoch=39,
            optimizer_state_dict=dict(state={}, param_groups=[]),
            model_state_dict={
                f'module.{k}': v
                for k, v in weights.items()
            }), path)
    return path


class TestReleasedLESS:

    def test_file_to_model(self, reference_model, released, tmp_path):
        done = run_python(FOLDER / 'less_reference.py', released,
                          tmp_path / 'ours.pth', '--seed', 5)
        assert done.returncode == 0, done.stderr
        assert '4 tensors left out (not used by the released code)' in \
            done.stderr
        assert 'backbone.unet.u.fusion.words.3.weight' in done.stderr
        assert 'drawn anew with seed 5' in done.stderr
        expected = {
            name: value.clone()
            for name, value in reference_model.state_dict().items()
        }
        with torch.no_grad():
            for parameter in reference_model.parameters():
                parameter.normal_()
        load_checkpoint(
            reference_model, str(tmp_path / 'ours.pth'), strict=True)
        for name, value in reference_model.state_dict().items():
            if not WORDS.match(name):
                assert torch.equal(value, expected[name]), name

    def test_word_projections(self, released):
        weights = checkpoint_io.load_weights(released)
        with pytest.warns(UserWarning, match='lacks the word projections'):
            first = less_reference.convert(weights, seed=1)
        state = torch.random.get_rng_state()
        with pytest.warns(UserWarning):
            again = less_reference.convert(weights, seed=1)
            other = less_reference.convert(weights, seed=2)
        assert torch.equal(state, torch.random.get_rng_state())
        names = [name for name in first if WORDS.match(name)]
        assert len(names) == 3 * 4
        for name in names:
            assert torch.equal(first[name], again[name])
            assert not torch.equal(first[name], other[name])

    def test_given_word_projections_are_kept(self, released, recwarn):
        weights = checkpoint_io.load_weights(released)
        for name in DEAD:
            del weights[name]
        given = {
            f'word_fuse_layer.{level}.{layer}.{kind}': torch.full((1, ), level)
            for level in range(3)
            for layer in (0, 3)
            for kind in ('weight', 'bias')
        }
        converted = less_reference.convert({**weights, **given})
        assert not recwarn.list
        assert converted['backbone.unet.u.u.fusion.words.0.bias'] == 2

    def test_another_checkpoint(self, tmp_path):
        torch.save({'conv1.weight': torch.ones(2)}, tmp_path / 'a.pth')
        done = run_python(FOLDER / 'less_reference.py', tmp_path / 'a.pth',
                          tmp_path / 'b.pth')
        assert done.returncode == 1
        assert "'conv1.weight' is no weight of the released" in done.stderr
        assert not (tmp_path / 'b.pth').exists()

    def test_missing_file(self, tmp_path):
        done = run_python(FOLDER / 'less_reference.py', tmp_path / 'a.pth',
                          tmp_path / 'b.pth')
        assert done.returncode == 1
        assert 'a.pth does not exist' in done.stderr


def unet(channels=(4, 6), seed=0, **settings) -> LESSUNet:
    torch.manual_seed(seed)
    model = LESSUNet(
        channels=list(channels), block_reps=1, fusion=None, **settings)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    return model.eval()


def old_layout(kernel: torch.Tensor) -> torch.Tensor:
    """Kernel as spconv 1 stores it; the memory of 1 x 1 x 1 is the same."""
    if kernel.shape[1:4].numel() == 1:
        return kernel.reshape(1, 1, 1, kernel.shape[4], kernel.shape[0])
    return kernel.permute(1, 2, 3, 4, 0).contiguous()


class TestSPFormerBackbone:

    @pytest.mark.parametrize('old', [False, True])
    @pytest.mark.parametrize('prefix', ['', 'backbone.'])
    def test_same_function(self, tmp_path, old, prefix):
        """Our U-Net on our colors equals theirs on theirs, except for the
        offset of the colors, which this test leaves out."""
        theirs = unet(seed=1)
        weights = {
            prefix + name:
            old_layout(value) if old and value.dim() == 5 else value
            for name, value in theirs.state_dict().items()
        }
        weights['decoder.query.weight'] = torch.zeros(2)
        torch.save(dict(net=weights), tmp_path / 'sp.pth')
        done = run_python(FOLDER / 'spformer_backbone.py', tmp_path / 'sp.pth',
                          tmp_path / 'ours.pth')
        assert done.returncode == 0, done.stderr
        model = build(
            model_config(
                tmp_path,
                backbone=dict(
                    type='LESSUNet',
                    channels=[4, 6],
                    block_reps=1,
                    fusion=None))).eval()
        load_checkpoint(model, str(tmp_path / 'ours.pth'))
        points, sample = scene()
        points[:, 3:] -= 0.5
        features = []
        model.backbone.register_forward_hook(
            lambda m, i, o: features.append(o[0]))
        with torch.no_grad():
            run(model, [(points, sample)], 'tensor')
            # their input: colors times 256 / 127.5 in front of coordinates
            scenes = model.data_preprocessor(
                dict(inputs=dict(points=[points])))['inputs']['scenes']
            xyz, rgb = scenes[0].features.split(3, 1)
            scenes[0].features = torch.cat([rgb * 256 / 127.5, xyz], 1)
            expected = theirs(
                theirs.encode_scenes(scenes), [1], torch.zeros(1, 1, 768),
                torch.ones(1, 1, dtype=torch.bool))
        torch.testing.assert_close(features[0], expected[0])

    def test_own_channel_order(self):
        weights = unet().state_dict()
        converted = spformer_backbone.convert(weights, 'xyzrgb', 256.)
        assert len(converted) == len(weights)
        assert all(
            torch.equal(converted[f'backbone.{name}'], value)
            for name, value in weights.items())

    def test_ambiguous_layout(self):
        # 3 x 3 x 3 kernels with 3 channels on both sides fit twice; those of
        # the input and of the tail tell the layouts apart.
        weights = unet((3, 3)).state_dict()
        spformer_backbone.convert(weights)
        ambiguous = {
            name: value
            for name, value in weights.items()
            if value.dim() == 5 and tuple(value.shape) == (3, 3, 3, 3, 3)
        }
        assert ambiguous
        with pytest.raises(ValueError, match='--kernel-layout'):
            spformer_backbone._find_layout(ambiguous, ambiguous,
                                           list(ambiguous), None)
        assert spformer_backbone._find_layout(ambiguous, ambiguous,
                                              list(ambiguous),
                                              'k_k_k_in_out') == 'k_k_k_in_out'

    @pytest.mark.parametrize('change, message', [
        (lambda w: {
            'a': w['unet.conv.2.weight']
        }, 'no checkpoint of the SPF'),
        (lambda w: {
            k: v
            for k, v in w.items() if 'deconv' not in k
        }, 'missing'),
        (lambda w: dict(w, **{'unet.more.weight': w['unet.conv.2.weight']}),
         'unknown'),
        (lambda w: dict(w, **{'unet.conv.2.weight': torch.ones(6, 3, 3, 3, 4)}
                        ), 'in no layout'),
        (lambda w: dict(w, **{'output_layer.0.bias': torch.ones(5)}),
         r'output_layer.0.bias has shape \(5,\), LESS needs \(4,\)'),
        (lambda w: {
            k: v
            for k, v in w.items() if 'blocks.block0' not in k
        }, 'at every level'),
    ])
    def test_other_networks(self, change, message):
        weights = change(unet().state_dict())
        with pytest.raises(ValueError, match=message):
            spformer_backbone.convert(weights)

    def test_given_layout_that_does_not_fit(self):
        with pytest.raises(ValueError, match='LESS needs'):
            spformer_backbone.convert(
                unet().state_dict(), layout='k_k_k_in_out')


def test_the_mark_is_needed(monkeypatch):
    """Without it mmdet3d permutes the kernels, here without any error; with
    our repair (mmlangseg.compat.loading) it does not."""
    model, weights = unet((3, 3)), unet((3, 3), seed=1).state_dict()
    name = 'unet.u.blocks.block0.conv_branch.2.weight'
    kernels = {name: weights[name]}
    model.load_state_dict(kernels, strict=False)
    assert torch.equal(model.state_dict()[name], weights[name])
    repaired = SparseModule._load_from_state_dict
    monkeypatch.setattr(SparseModule, '_load_from_state_dict',
                        repaired.__wrapped__)
    marked = checkpoint_io.mark_kernel_layout(weights)
    model.load_state_dict(marked)
    assert torch.equal(model.state_dict()[name], weights[name])
    model.load_state_dict(kernels, strict=False)
    assert not torch.equal(model.state_dict()[name], weights[name])
