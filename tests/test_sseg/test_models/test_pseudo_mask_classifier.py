import pytest
import sseg_model
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from torch import nn

from mmlangseg.sseg.models.pseudo_mask_classifier import (crop_masks,
                                                          pool_features)
from mmlangseg.sseg.vocabulary import Vocabulary


@pytest.fixture(autouse=True, scope='module')
def scope(what_mmengine_remembers_of_the_module_only):
    init_default_scope('mmseg')


@pytest.fixture
def build(tmp_path):

    def build(**changes):
        config = sseg_model.model_config(
            tmp_path,
            type='PseudoMaskClassifier',
            backbone=dict(sseg_model.BACKBONE, out_indices=(3, )),
            visual_projection=dict(
                type='ProjectionMLP',
                in_channels=64,
                hidden_channels=16,
                out_channels=8))
        del config['decode_head'], config['mask_loss']
        return sseg_model.build({**config, **changes})

    return build


def three_columns(images, *, seeds, valid=None):
    """In place of the generator: three masks, a fourth is empty."""
    columns = torch.arange(images.shape[-1]) * 3 // images.shape[-1]
    return columns.expand(len(images), *images.shape[-2:])


def test_loss_is_that_of_averaged_features(build):
    model = build(loss_scale=0.5)
    losses = sseg_model.run(model, 'loss')
    assert set(losses) == {'loss_contrastive', 'temperature'}
    data = model.data_preprocessor(sseg_model.batch(), True)
    images = model.backbone(data['inputs'])[-1].mean((2, 3))
    texts = model.embed_texts([s.text for s in data['data_samples']])
    torch.testing.assert_close(
        losses['loss_contrastive'],
        0.5 * model.contrastive_loss(model.visual_projection(images), texts))
    losses['loss_contrastive'].backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize('region_features', ['pooled', 'crop'])
def test_every_mask_has_one_class(build, region_features):
    model = build(
        region_features=region_features, crop_size=32, vocabulary=None).eval()
    model.set_vocabulary(Vocabulary(['cat', 'dog', 'grass', 'red']))
    data = sseg_model.batch()
    images = torch.stack(data['inputs']).flip(1).float()
    results = sseg_model.run(model, 'predict', data)
    maps = model.pseudo_mask_generator(images, seeds=[10, 11, 12])
    for result, clusters in zip(results, maps):
        label = result.pred_sem_seg.data[0]
        for k in range(3):
            assert len(label[clusters == k].unique()) == 1
        probs = result.seg_logits.data
        torch.testing.assert_close(probs.sum(0), torch.ones(48, 48))


def test_pooled_features_of_a_mask_are_its_own(build):
    """A backbone that hands on colors, three of them in the columns."""
    model = build(vocabulary=None).eval()
    model.pseudo_mask_generator.forward = three_columns
    model.pseudo_mask_generator.num_clusters = 4
    model.backbone.forward = lambda x: [F.adaptive_avg_pool2d(x, 6)]
    model.visual_projection = nn.Identity()
    inputs = torch.zeros(1, 3, 48, 48)
    colors = torch.tensor([[1., 2., 3.], [4., 5., 6.], [7., 8., 9.]])
    inputs[..., :] = colors.t()[:, None].repeat_interleave(16, 2)
    masks, features = model.regions(inputs, [{}])
    torch.testing.assert_close(features[0, :3], colors)
    assert not features[0, 3].any()
    assert (masks[0].argmax(0) == three_columns(inputs, seeds=[0])[0]).all()
    assert (masks[0, 3] < 0).all()


@pytest.mark.parametrize('region_features', ['pooled', 'crop'])
def test_an_empty_mask_has_no_feature(build, region_features):
    """Whatever the projection makes of nothing."""
    model = build(region_features=region_features, crop_size=32).eval()
    model.pseudo_mask_generator.forward = three_columns
    model.pseudo_mask_generator.num_clusters = 4
    nn.init.ones_(model.visual_projection.layers[-1].bias)
    _, features = model.regions(torch.rand(2, 3, 48, 48), [{}, {}])
    assert features[:, :3].any(-1).all()
    assert not features[:, 3].any()


def test_pooling_equals_a_loop():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, 3, 4, generator=random)
    masks = torch.rand(2, 3, 6, 8, generator=random) < 0.4
    pooled = pool_features(features, masks)
    large = features.repeat_interleave(2, 2).repeat_interleave(2, 3)
    for b in range(2):
        for k in range(3):
            torch.testing.assert_close(pooled[b, k],
                                       large[b][:, masks[b, k]].mean(1))


def test_means_of_masks_are_float32_under_autocast():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(1, 4, 20, 20, generator=random) + 3
    masks = torch.zeros(1, 1, 40, 40, dtype=torch.bool)
    masks[..., :38, :27] = True  # of shares that are no whole numbers
    half = features.bfloat16()
    expected = pool_features(half.float(), masks)
    with torch.autocast('cpu', torch.bfloat16):
        found = pool_features(half, masks)
    assert torch.equal(found, expected)


def test_crops_show_their_mask_only():
    images = torch.arange(1., 1 + 2 * 3 * 8 * 8).view(2, 3, 8, 8)
    masks = torch.zeros(2, 3, 8, 8, dtype=torch.bool)
    masks[0, 0, 2:6, 3:7] = True  # a square as large as the crop
    masks[1, 1, 0:8, 4:8] = True
    masks[1, 1, 0, 4] = False
    crops = crop_masks(images, masks, 4)
    assert crops.shape == (6, 3, 4, 4)
    torch.testing.assert_close(crops[0], images[0, :, 2:6, 3:7])
    cut = images[1, :, :, 4:].clone()
    cut[:, 0, 0] = 0
    torch.testing.assert_close(crops[4], cut.unflatten(1, (4, 2)).mean(2))
    assert not crops[[1, 2, 3, 5]].any()


@pytest.mark.parametrize('region_features', ['pooled', 'crop'])
@pytest.mark.parametrize('size', [(1, 1), (5, 70)])
def test_images_of_any_size(build, region_features, size):
    model = build(region_features=region_features, crop_size=32).eval()
    result = sseg_model.run(model, 'predict', sseg_model.batch((size, )))[0]
    assert result.pred_sem_seg.data.shape == (1, *size)
    assert result.seg_logits.data.isfinite().all()


def test_bad_option(build):
    with pytest.raises(ValueError, match="must be 'pooled' or 'crop'"):
        build(region_features='box')
