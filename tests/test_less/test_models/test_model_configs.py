from __future__ import annotations
from pathlib import Path

import pytest
import torch
from less_model import build, model_config, run, scene
from mmengine.config import Config

CONFIGS = Path(__file__).resolve().parents[3] / 'configs/_base_/models'


def load(name: str) -> dict:
    """Model of a config with a text encoder of one small layer."""
    model = Config.fromfile(CONFIGS / name).model
    assert model.text_encoder.pretrained == 'roberta-base'
    model.text_encoder = dict(
        type='HuggingFaceTextEncoder',
        config=dict(
            model_type='roberta',
            vocab_size=20,
            num_hidden_layers=1,
            intermediate_size=24))
    return model


def count(module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize('name, extra', [('less.py', 512),
                                         ('less_reference.py', 0)])
def test_sizes_are_those_of_the_released_model(name, extra):
    model = build(load(name))
    words = sum(
        count(module) for name, module in model.backbone.named_modules()
        if name.endswith('fusion.words'))
    assert words == 3_322_080
    assert count(model.backbone) - words == 5_184 + 11_240_096 + 64
    # out_cls, out_score and the norm after the cross attention are unused in
    # the released code
    unused = 66_306 + 66_049 + 512
    assert count(model.decoder) == 1_274_627 - unused + extra
    assert count(model.aggregator) == 787_456


def test_differences_of_the_reference():
    ours, released = load('less.py'), load('less_reference.py')
    assert ours.backbone.fusion == dict(
        type='PWCA',
        mask_padding=True,
        num_tanh=1,
        dropout=0.15,
        freeze_words=False)
    assert released.backbone.fusion == dict(
        type='PWCA',
        mask_padding=False,
        num_tanh=2,
        dropout=0.15,
        freeze_words=True)
    assert (ours.losses.area.loss_weight, released.losses.area.loss_weight) \
        == (1., 10.)
    for part in ('seg', 'p2p'):
        assert ours.losses[part] == released.losses[part]
    frozen = build(released).backbone.unet.u.fusion.words
    assert not any(p.requires_grad for p in frozen.parameters())


@pytest.mark.parametrize('name', ['less.py', 'less_reference.py'])
def test_sentences_asked_together_do_not_change_each_other(
        name, tmp_path, monkeypatch):
    """The released code tests one sentence at a time, so without padding."""
    # as on a GPU: a CPU takes them one by one whatever is set
    monkeypatch.setattr('mmlangseg.less.models.less.sentences_at_once',
                        lambda device, most: most)
    config = Config.fromfile(CONFIGS / name).model
    fusion = {**config.backbone.fusion, 'dropout': 0.}
    passes = config.get('expressions_per_pass', 8)
    small = model_config(tmp_path, expressions_per_pass=passes)
    small['backbone']['fusion'] = fusion
    model = build(small).eval()
    points, sample = scene(300, 1)
    texts = ['a chair', 'the red chair left of the table near the door']
    logits = []
    for asked in (texts, texts[:1]):
        sample.set_metainfo(dict(expressions=[dict(text=t) for t in asked]))
        with torch.no_grad():
            found, = run(model, [(points, sample)], 'predict')
        logits.append(found.pred_instances_3d.logits[0])
    torch.testing.assert_close(*logits, rtol=0, atol=1e-5)
