from __future__ import annotations

import pytest
import torch
from lavt_model import batch, build, model_config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmlangseg.semires.models import NoTargetHead


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    return build(model_config(tmp_path, no_target=dict(channels=8))).eval()


def with_bias(model, nothing: float):
    """The model, sure that there is nothing, or something."""
    last = model.no_target.layers[-1]
    torch.nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor([0., nothing])
    return model


def predict(model):
    data = model.data_preprocessor(batch())
    with torch.no_grad():
        return model.predict(**data)


def test_by_hand():
    head = NoTargetHead(in_channels=2, text_channels=3, channels=4)
    features, sentence = torch.randn(5, 2, 3, 4), torch.randn(5, 3)
    pooled = torch.cat(
        [features.mean((2, 3)),
         features.flatten(2).max(2).values, sentence], 1)
    assert torch.equal(head(features, sentence), head.layers(pooled))
    logits = torch.tensor([[2., 0.], [0., 3.]])
    assert torch.allclose(
        head.probability(logits),
        torch.tensor([-2., 3.]).sigmoid())
    targets = torch.tensor([[[0, 1]], [[0, 255]]])  # padding is no target
    expected = -torch.tensor([2., 3.]).sigmoid().log().mean()
    assert torch.allclose(head.loss(logits, targets), expected)


def test_the_loss_reaches_every_part(model):
    data = model.data_preprocessor(batch(), training=True)
    losses = model.train().loss(**data)
    assert set(losses) == {'loss_ce', 'loss_no_target'}
    losses['loss_no_target'].backward()
    for part in (model.no_target, model.backbone.patch_embed,
                 model.text_encoder):
        assert any(p.grad is not None and p.grad.any()
                   for p in part.parameters())


@pytest.mark.parametrize('eval_size', ['resized', 'original'])
def test_masks_of_rejected_sentences_are_empty(model, eval_size):
    model.eval_size = eval_size
    model.decode_head.conv_seg.bias.data = torch.tensor([-9., 9.])
    for sample in predict(with_bias(model, -9)):
        assert not sample.says_none and sample.no_target < 0.01
        assert sample.pred_sem_seg.data.all()
    for sample in predict(with_bias(model, 9)):
        assert sample.says_none and sample.no_target > 0.99
        assert not sample.pred_sem_seg.data.any()
        assert sample.any_sem_seg.data.all()
        assert sample.seg_logits.data.shape[0] == 2


def test_the_threshold_says_none_itself(model):
    """Both are equally likely: from this probability on nothing is meant."""
    with_bias(model, 0)
    model.no_target.probability = lambda logits: torch.full((3, ), 0.5)
    assert all(sample.says_none for sample in predict(model))
    model.no_target.threshold = 0.51
    assert not any(sample.says_none for sample in predict(model))


def test_without_the_head_nothing_changes(model, tmp_path):
    other = build(model_config(tmp_path)).eval()
    other.load_state_dict(model.state_dict(), strict=False)
    for sample, plain in zip(predict(with_bias(model, -9)), predict(other)):
        assert torch.equal(sample.pred_sem_seg.data, plain.pred_sem_seg.data)
        assert 'says_none' not in plain


def test_mixed_precision(model):
    data = model.data_preprocessor(batch(), training=True)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(**data)
    assert losses['loss_no_target'].dtype == torch.float32


def test_refused(tmp_path):
    with pytest.raises(ValueError, match='threshold=50 is a probability'):
        NoTargetHead(2, 2, threshold=50)
    init_default_scope('mmseg')
    segmentor = model_config(tmp_path, no_target=dict(channels=8))
    with pytest.raises(ValueError, match='segmentor.no_target: only LAVT'):
        MODELS.build(
            dict(
                type='SemiRES',
                segmentor=segmentor,
                data_preprocessor=dict(
                    type='mmdet.MultiBranchDataPreprocessor',
                    data_preprocessor=segmentor['data_preprocessor'])))
