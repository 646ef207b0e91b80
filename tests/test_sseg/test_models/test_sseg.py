import copy
import math

import pytest
import sseg_model
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_checkpoint, load_state_dict
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmlangseg.engine import require_matching_checkpoint
from mmlangseg.sseg.models import combine_resized
from mmlangseg.sseg.models.batch import restore_rgb, valid_area
from mmlangseg.sseg.models.prediction import take_best_labels
from mmlangseg.sseg.vocabulary import Vocabulary


@pytest.fixture(autouse=True, scope='module')
def scope(what_mmengine_remembers_of_the_module_only):
    init_default_scope('mmseg')


@pytest.fixture
def build(tmp_path):

    def build(**changes):
        config = sseg_model.model_config(tmp_path, **changes)
        return sseg_model.build(config)

    return build


@pytest.fixture
def model(build):
    return build().eval()


# --- training ------------------------------------------------------------


def test_losses_are_those_of_the_parts(build):
    model = build()
    losses = sseg_model.run(model, 'loss')
    data = model.data_preprocessor(sseg_model.batch(), True)
    samples = data['data_samples']
    predictions = model.decode_head(model.backbone(data['inputs']))
    images = torch.stack(sseg_model.batch()['inputs']).flip(1).float()  # RGB
    maps = model.pseudo_mask_generator(images, seeds=[10, 11, 12])
    assert (model.pseudo_masks(data['inputs'], samples) == maps).all()
    expected = model.mask_loss(predictions.mask_logits, maps)
    mean = predictions.query_features.mean(1)
    texts = model.text_encoder([s.text for s in samples]).sentence
    expected['loss_contrastive'] = model.contrastive_loss(
        model.visual_projection(mean), model.text_projection(texts))
    assert set(losses) == {*expected, 'temperature'}
    assert {'loss_dice', 'd0.loss_focal'} < set(losses)
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)
    assert losses['temperature'] == pytest.approx(0.07)


def test_loss_scale(build):
    whole, half = (
        sseg_model.run(build(loss_scale=scale), 'loss') for scale in (1, 0.5))
    for name, value in whole.items():
        factor = 0.5 if 'loss' in name else 1
        torch.testing.assert_close(half[name], factor * value)


def test_average_of_projections(build):
    model = build(average='projections').eval()
    features = torch.randn(2, 5, 16)
    expected = torch.stack(
        [model.visual_projection(image).mean(0) for image in features])
    torch.testing.assert_close(model._image_features(features), expected)
    model.average = 'features'
    expected = model.visual_projection(features.mean(1))
    torch.testing.assert_close(model._image_features(features), expected)


def test_gradient_reaches_every_parameter(build):
    model = build()
    sum(v for k, v in sseg_model.run(model, 'loss').items()
        if 'loss' in k).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert not missing


def test_pseudo_masks_from_the_samples(build):
    model = build(pseudo_mask_generator=None)
    data = model.data_preprocessor(sseg_model.batch(((48, 40), ) * 3), True)
    maps = model.pseudo_masks(**data)
    assert maps.shape == (3, 48, 48) and maps.dtype == torch.int64
    assert (maps[..., 40:] == 255).all() and maps[..., :40].max() == 2
    assert 'loss_dice' in sseg_model.run(model, 'loss')
    data = sseg_model.batch()
    del data['data_samples'][1].gt_sem_seg
    with pytest.raises(ValueError, match='1.jpg has no pseudo-mask'):
        sseg_model.run(model, 'loss', data)


def test_the_generator_sees_no_padding(build):
    model = build()
    sizes = ((48, 48), (30, 48), (48, 20))
    data = model.data_preprocessor(sseg_model.batch(sizes), True)
    maps = model.pseudo_masks(**data)
    for (height, width), label_map in zip(sizes, maps):
        inside = torch.zeros(48, 48, dtype=torch.bool)
        inside[:height, :width] = True
        assert ((label_map == 255) == ~inside).all()


def test_pseudo_masks_depend_on_the_sample_only(build):
    """Not on its place in the batch."""
    model = build()
    data = model.data_preprocessor(sseg_model.batch(), True)
    maps = model.pseudo_masks(**data)
    turned = model.pseudo_masks(data['inputs'].flip(0),
                                data['data_samples'][::-1])
    assert (maps == turned.flip(0)).all()


@pytest.mark.parametrize('absent, kept', [
    ('mask_loss', {'loss_contrastive', 'temperature'}),
    ('contrastive_loss',
     {'loss_dice', 'loss_focal', 'd0.loss_dice', 'd0.loss_focal'}),
])
def test_baselines(build, absent, kept):
    model = build(**{absent: None})
    losses = sseg_model.run(model, 'loss')
    assert set(losses) == kept
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    prediction = sseg_model.run(model.eval(), 'predict')[0]
    assert prediction.pred_sem_seg.data.shape == (1, 48, 48)


def test_multi_label_loss(build):
    model = build(multi_label_loss=dict(type='MultiLabelContrastiveLoss'))
    prompts = ['a photo of the cat', 'a dog']
    losses = sseg_model.run(model, 'loss', sseg_model.batch(prompts=prompts))
    data = model.data_preprocessor(sseg_model.batch(), True)
    features = model.decode_head(model.backbone(data['inputs']))
    images = model.visual_projection(features.query_features.mean(1))
    texts = model.embed_texts(prompts).expand(3, 2, -1)
    torch.testing.assert_close(losses['loss_multi_label'],
                               model.multi_label_loss(images, texts))
    alone = sseg_model.run(build(), 'loss')
    torch.testing.assert_close(losses['loss_contrastive'],
                               alone['loss_contrastive'])
    with pytest.raises(ValueError, match='0.jpg has no prompts'):
        sseg_model.run(model, 'loss')
    uneven = sseg_model.batch(prompts=prompts)
    uneven['data_samples'][2].set_metainfo(dict(prompts=['a']))
    with pytest.raises(ValueError, match='as many prompts'):
        sseg_model.run(model, 'loss', uneven)


def test_no_caption(build):
    data = sseg_model.batch()
    del data['data_samples'][2].text
    with pytest.raises(ValueError, match="2.jpg has no caption: add 'text'"):
        sseg_model.run(build(), 'loss', data)


def test_a_step_of_the_optimizer_lowers_the_loss(build):
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    totals = []
    for _ in range(12):
        losses = sseg_model.run(model, 'loss')
        total = sum(v for k, v in losses.items() if 'loss' in k)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(float(total))
    assert totals[-1] < 0.9 * totals[0]


@pytest.mark.parametrize('bgr_to_rgb', [True, False])
def test_restore_rgb(build, bgr_to_rgb):
    model = build(
        data_preprocessor=dict(sseg_model.PREPROCESSOR, bgr_to_rgb=bgr_to_rgb))
    data = model.data_preprocessor(sseg_model.batch(), True)
    rgb = torch.stack(sseg_model.batch()['inputs']).flip(1).float()
    restored = restore_rgb(data['inputs'], model.data_preprocessor)
    torch.testing.assert_close(restored, rgb, atol=1e-3, rtol=0)


def test_valid_area_of_padded_test_images():
    inputs = torch.zeros(1, 3, 8, 10)
    valid = valid_area([dict(img_padding_size=(1, 2, 3, 0))], inputs)
    assert valid.sum() == 5 * 7 and valid[0, 3, 1] and not valid[0, 2, 1]
    assert valid_area([dict(padding_size=[0] * 4), {}], inputs) is None
    padded = dict(img_padding_size=(0, 2, 0, 0), pad_shape=inputs.shape[-2:])
    assert not valid_area([padded], inputs)[..., -2:].any()
    with pytest.raises(ValueError, match='crops of padded images'):
        valid_area([padded], inputs[..., :-1])


# --- prediction ----------------------------------------------------------


def test_prediction_is_the_formula(model):
    data = model.data_preprocessor(sseg_model.batch())
    results = model.predict(**data)
    with torch.no_grad():
        predictions = model.decode_head(model.backbone(data['inputs']))
        queries = model.visual_projection(predictions.query_features)
        names = model.embed_texts(
            [f'a photo of a {c}.' for c in ('cat', 'dog', 'grass')])
        cosine = F.cosine_similarity(queries[:, :, None], names, dim=-1)
        probs = (cosine / 0.07).softmax(-1)
        probs = combine_resized(probs, predictions.mask_logits[-1], (48, 48),
                                'normalized')
    for result, expected in zip(results, probs):
        logits = result.seg_logits.data
        torch.testing.assert_close(logits[1:], expected)
        assert (logits[0] == 0.5).all() and logits.dtype == torch.float32
        best, label = expected.max(0)
        label = torch.where(best > 0.5, label + 1, 0)
        assert result.pred_sem_seg.data.dtype == torch.int64
        assert (result.pred_sem_seg.data[0] == label).all()


@pytest.mark.parametrize('background', [False, True])
@pytest.mark.parametrize('classes', [1, 2, 300])
def test_any_number_of_classes(model, classes, background):
    """One class without background is not a binary mask."""
    names = [f'a {i}' for i in range(classes)]
    model.set_vocabulary(Vocabulary(names, background=background))
    result = sseg_model.run(model, 'predict')[0]
    channels = classes + background
    assert model.out_channels == channels
    assert result.seg_logits.data.shape == (channels, 48, 48)
    torch.testing.assert_close(result.seg_logits.data[background:].sum(0),
                               torch.ones(48, 48))
    label = result.seg_logits.data.argmax(0, keepdim=True)
    assert (result.pred_sem_seg.data == label).all()


def test_labels_beyond_255_without_probabilities(model):
    model.set_vocabulary(Vocabulary([f'{"cat " * i}' for i in range(1, 300)]))
    # one name in ten is far from the others
    random = torch.Generator().manual_seed(0)
    model._embeddings = F.normalize(
        torch.randn(299, 8, generator=random), dim=1)
    data = sseg_model.batch(ori_shape=(31, 53))
    whole = sseg_model.run(model, 'predict', data)
    labels = [r.pred_sem_seg.data.clone() for r in whole]
    assert max(int(label.max()) for label in labels) > 255
    model.keep_probabilities = False
    results = sseg_model.run(model, 'predict',
                             sseg_model.batch(ori_shape=(31, 53)))
    for label, result in zip(labels, results):
        assert 'seg_logits' not in result
        assert result.pred_sem_seg.data.dtype == torch.int64
        assert (result.pred_sem_seg.data == label).all()


@pytest.mark.parametrize('pixels, channels', [(40, 128), (2**20, 64),
                                              (2**27, 1)])
def test_channels_at_a_time_at_the_original_size(pixels, channels):
    """A photograph of 50 million pixels with 128 takes 25 GB."""
    seen = []

    def postprocess(part, samples):
        seen.append(part.shape[1])
        for sample, probs in zip(samples, part):
            label = probs.argmax(0, keepdim=True)
            sample.seg_logits = PixelData(data=probs)
            sample.pred_sem_seg = PixelData(data=label)
        return samples

    probs = torch.rand(2, 200, 4, 5)
    samples = [
        SegDataSample(metainfo=dict(ori_shape=(4, pixels // 8)))
        for _ in range(2)
    ]
    results = take_best_labels([probs], postprocess, samples, False)
    assert seen[0] == max(channels, 2)  # one is never alone
    for result, one in zip(results, probs):
        assert (result.pred_sem_seg.data[0] == one.argmax(0)).all()
        assert (result.seg_confidence.data[0] == one.amax(0)).all()
    seen.clear()
    bare = [SegDataSample() for _ in probs]
    take_best_labels([probs], lambda part, _: postprocess(part, bare), None,
                     False)
    assert seen[0] == 128


def test_post_processing_undoes_flip_and_padding(model):
    sizes = ((48, 48), ) * 2
    plain = sseg_model.run(model, 'predict', sseg_model.batch(sizes))
    data = sseg_model.batch(
        sizes, flip=True, flip_direction='horizontal', ori_shape=(48, 48))
    flipped = sseg_model.run(model, 'predict', data)
    for one, other in zip(plain, flipped):
        assert (one.pred_sem_seg.data == other.pred_sem_seg.data.flip(2)).all()


def test_one_crop_is_the_whole(build):
    whole = sseg_model.run(build().eval(), 'predict')
    test_cfg = dict(mode='slide', crop_size=(48, 48), stride=(24, 24))
    slide = sseg_model.run(build(test_cfg=test_cfg).eval(), 'predict')
    for one, other in zip(whole, slide):
        torch.testing.assert_close(one.seg_logits.data, other.seg_logits.data)


def test_sliding_averages_probabilities(build):
    test_cfg = dict(mode='slide', crop_size=(48, 32), stride=(48, 16))
    model = build(test_cfg=test_cfg).eval()
    data = model.data_preprocessor(sseg_model.batch())
    expected, count = torch.zeros(3, 4, 48, 48), torch.zeros(48)
    with torch.no_grad():
        for x in (0, 16):
            crop = model.encode_decode(data['inputs'][..., x:x + 32], [{}])
            expected[..., x:x + 32] += crop
            count[x:x + 32] += 1
    for result, probs in zip(model.predict(**data), expected / count):
        torch.testing.assert_close(result.seg_logits.data, probs)
    # also with another number of classes
    model.set_vocabulary(Vocabulary(['cat', 'dog']))
    assert model.predict(**data)[0].seg_logits.data.shape == (2, 48, 48)


@pytest.mark.parametrize('upsample', ['masks', 'probabilities'])
def test_masks_lie_where_they_are_in_images_of_any_width(build, upsample):
    """A cell is of four pixels, also where the last one is not whole: the
    edge of a mask at pixel 40 was drawn at pixel 38 of 49."""
    model = build(combination='hard', upsample=upsample).eval()
    cells = torch.where(torch.arange(13) < 10, 20., -20.).expand(12, 13)
    masks = torch.stack([cells, -cells])[None]
    features = torch.randn(1, 2, 8)
    model.regions = lambda inputs, metas: (masks, features)
    classes = model.classify(features).argmax(-1)[0]
    assert classes[0] != classes[1]
    for height, width in ((48, 52), (46, 49)):
        with torch.no_grad():
            found = model.encode_decode(torch.zeros(1, 3, height, width), [{}])
        labels = found[0, 1:].argmax(0)
        # between the cells the two are mixed
        assert (labels[:, :39] == classes[0]).all()
        assert (labels[:, 41:] == classes[1]).all()


@pytest.mark.parametrize('size', [(1, 1), (1, 50), (7, 5), (50, 70)])
def test_images_of_any_size(model, size):
    result = sseg_model.run(model, 'predict', sseg_model.batch((size, )))[0]
    assert result.pred_sem_seg.data.shape == (1, *size)
    assert result.seg_logits.data.isfinite().all()


def test_predict_without_samples(model):
    results = model.predict(torch.randn(2, 3, 48, 48))
    assert [type(r) for r in results] == [SegDataSample] * 2
    masks, features = model(torch.randn(2, 3, 48, 48))
    assert masks.shape == (2, 5, 12, 12) and features.shape == (2, 5, 8)


@pytest.mark.parametrize('temperature', [0.07, 0.01])
def test_probabilities_are_float32_under_autocast(model, temperature):
    """Whatever the processor makes of the network in bfloat16, its masks and
    features are compared and combined in float32: cosines are multiplied with
    up to 100, which would make 0.4 of a rounding to bfloat16."""
    model.contrastive_loss.logit_scale.data.fill_(-math.log(temperature))
    data = model.data_preprocessor(sseg_model.batch())
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        masks, features = model(**data)
        names = model.class_embeddings()
        results = model.predict(**data)
    assert masks.dtype == features.dtype == torch.bfloat16
    cosine = F.normalize(features.double(), dim=-1) @ names.double().t()
    expected = combine_resized((cosine / temperature).softmax(-1),
                               masks.double(), (48, 48), 'normalized')
    for result, probs in zip(results, expected):
        found = result.seg_logits.data[1:]
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), probs, rtol=1e-4, atol=1e-5)


def test_network_under_autocast(model):
    """A network in bfloat16 is off by its roundings, and by no more.

    Processors sum up in different orders, so that single results are rounded
    the other way, and the largest error of a pixel is one of chance: with
    other seeds of the weights it is from 0.01 to 0.76 on one processor. The
    root mean square is not. Some 100 products lie behind each other, each
    rounded by up to 2**-9 of its value; independent errors add up to the
    root of their number, 0.02, which the layers make larger or smaller.
    """
    bound = 4 * 100**0.5 * 2**-9
    data = model.data_preprocessor(sseg_model.batch())
    with torch.no_grad():
        plain = *model(**data), model.class_embeddings()
        model.eval()  # forgets the embeddings
        with torch.autocast('cpu', torch.bfloat16):
            low = *model(**data), model.class_embeddings()
    for exact, rounded in zip(plain, low):
        error = (rounded.float() - exact).norm() / exact.norm()
        assert 0 < error < bound


# --- the vocabulary ------------------------------------------------------


class Counter:
    """Counts the sentences that the text encoder reads."""

    def __init__(self, model):
        self.count = 0
        model.text_encoder.register_forward_pre_hook(self)

    def __call__(self, module, inputs):
        self.count += len(inputs[0])


def test_class_embeddings_are_kept_until_something_changes(model, tmp_path):
    counter = Counter(model)
    sseg_model.run(model, 'predict')
    sseg_model.run(model, 'predict')
    assert counter.count == 3
    model.set_vocabulary(Vocabulary(['cat', 'dog'], templates='subset'))
    sseg_model.run(model, 'predict')
    sseg_model.run(model, 'predict')
    assert counter.count == 3 + 14
    for change in (
            model.train, lambda: model.load_state_dict(model.state_dict()),
            lambda: load_checkpoint(
                model, str(sseg_model.save_checkpoint(tmp_path / 'a', model)),
                'cpu')):
        counter.count = 0
        change()
        model.eval() if model.training else None
        sseg_model.run(model, 'predict')
        assert counter.count == 14
    model.train()
    for _ in range(2):  # weights may change at any time
        counter.count = 0
        model.class_embeddings()
        assert counter.count == 14


def test_synonyms_of_the_config_are_kept(build):
    names = dict(
        classes=['cat', 'grass'], prompt_names=[['cat', 'dog'], 'grass'])
    model = build(vocabulary=dict(names, synonyms='max')).eval()
    result = sseg_model.run(model, 'predict')[0]
    assert result.seg_logits.data.shape[0] == 2
    assert len(model.class_embeddings()) == 3
    model.set_vocabulary(dict(names))
    assert model.vocabulary.synonyms == 'max'
    model.set_vocabulary(dict(names, synonyms='mean'))
    assert len(model.class_embeddings()) == 2
    mean = sseg_model.run(model, 'predict')[0]
    assert not torch.allclose(mean.seg_logits.data, result.seg_logits.data)


def test_embeddings_move_with_the_model_and_are_not_saved(model):
    sseg_model.run(model, 'predict')
    assert not any('_embeddings' in name for name in model.state_dict())
    assert model.double().class_embeddings().dtype == torch.float64
    copied = copy.deepcopy(model)  # as MMEngine's averaged models are made
    copied.set_vocabulary(Vocabulary(['cat']))
    assert len(model.class_embeddings()) == 3


def test_no_vocabulary(build):
    model = build(vocabulary=None).eval()
    with pytest.raises(ValueError, match='SSeg has no classes'):
        sseg_model.run(model, 'predict')
    model.set_vocabulary(dict(classes=['cat']))
    assert sseg_model.run(model, 'predict')[0].pred_sem_seg.data.max() == 0
    with pytest.raises(ValueError, match='the vocabulary is empty'):
        model.set_vocabulary(dict(classes=[]))
    with pytest.raises(ValueError, match='given twice'):
        model.set_vocabulary(dict(classes=['cat', 'cat']))


def test_checkpoint_of_another_text_encoder(build, model, tmp_path):
    clip = dict(
        type='CLIPTextTransformer', embed_dims=8, num_layers=1, num_heads=1)
    other = build(text_encoder=clip)
    path = sseg_model.save_checkpoint(tmp_path / 'other.pth', other)
    message = 'model.text_encoder: .* of another model than GRUTextEncoder'
    with pytest.raises(ValueError, match=message):
        load_checkpoint(model, str(path), 'cpu')
    with pytest.raises(ValueError, match=message):
        model.load_state_dict(other.state_dict(), strict=False)
    # weights of a backbone alone are welcome
    backbone = {
        f'backbone.{k}': v
        for k, v in other.backbone.state_dict().items()
    }
    model.load_state_dict(backbone, strict=False)


@pytest.mark.parametrize('trained, tested, message', [
    (dict(text_projection=dict(type='ProjectionMLP', hidden_channels=32)), {},
     'model.text_projection: .* 4 of 4 weights .* '
     r'layers.0.weight should be \(16, 12\), but is \(32, 12\)'),
    (dict(
        visual_projection=dict(
            type='ProjectionMLP',
            hidden_channels=16,
            out_channels=8,
            norm='BN')), {},
     'model.visual_projection: .* layers.2.weight should'),
    (dict(masked_attention=True), {},
     r'query_feat.weight \(5, 16\) has no place in it'),
    ({}, dict(masked_attention=True),
     r'query_feat.weight should be \(5, 16\), but is missing'),
    (dict(num_queries=100), {},
     r'query_embed.weight should be \(5, 16\), but is \(100, 16'),
    (dict(num_layers=3), {}, 'transformer_decoder.layers.2.* has no place'),
    ({}, dict(num_layers=3), 'layers.2.* but is missing'),
])
def test_checkpoint_of_another_config(build, tmp_path, trained, tested,
                                      message):
    """As MMEngine loads it, which only warns."""
    head = sseg_model.model_config(tmp_path)['decode_head']

    def model_of(changes):
        if not any('projection' in name for name in changes):
            changes = dict(decode_head=dict(head, **changes))
        return build(**changes)

    model, state = model_of(tested), model_of(trained).state_dict()
    if 'model.' in message:
        with pytest.raises(ValueError, match=message):
            load_state_dict(model, state)
    else:  # a training may begin with it
        load_state_dict(model, state)
    detail = message.rsplit('.* ', 1)[-1]
    with pytest.raises(ValueError, match=detail):  # a test may not
        require_matching_checkpoint(model, state)
    # another part alone may be loaded
    load_state_dict(model, {
        k: v
        for k, v in state.items() if k.startswith('backbone.')
    })


def test_checkpoint_with_another_order_of_words(build, tmp_path):
    """The text encoder brings its words along."""
    trained = build().eval()
    path = sseg_model.save_checkpoint(tmp_path / 'a.pth', trained)
    config = sseg_model.model_config(tmp_path)
    (tmp_path / 'words.txt').write_text('\n'.join(
        ['more', *sseg_model.WORDS[::-1]]))
    model = sseg_model.build(config, seed=1).eval()
    load_checkpoint(model, str(path), 'cpu')
    torch.testing.assert_close(model.class_embeddings(),
                               trained.class_embeddings())


@pytest.mark.parametrize('bad, message', [
    (dict(combination='sum'), 'combination must be one of'),
    (dict(background_rule='max'), 'background_rule must be one of'),
    (dict(similarity='dot'), 'similarity must be one of'),
])
def test_bad_options(build, bad, message):
    with pytest.raises(ValueError, match=message):
        build(**bad)
    with pytest.raises(TypeError):
        build(typo=1)
