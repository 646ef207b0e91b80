"""Public models under our protocol say what transformers says."""
from __future__ import annotations

import numpy as np
import pytest
import sseg_model
import tiny_public
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmlangseg.apis import SSegInferencer
from mmlangseg.prompted import public_config
from mmlangseg.sseg.models.pseudo_mask_classifier import (crop_masks,
                                                          divide_images)

CLASSES = ('cat', 'red dog', 'the grass')
MANY = [
    f'{word} {number}' for number in range(100)
    for word in ('cat', 'dog', 'grass', 'red', 'sky', 'the', 'left', 'on',
                 'kitten', 'table', 'photo', 'a', 'of')
][:1203]
TYPES = dict(
    clip='CLIPPseudoMasks',
    clipseg='PromptedClasses',
    groupvit='GroupViT',
    sam3='PromptedClasses')
SIZES = dict(clip=48, clipseg=32, groupvit=32, sam3=112)


@pytest.fixture(autouse=True, scope='module')
def scope(what_mmengine_remembers_of_the_module_only):
    init_default_scope('mmseg')


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp('public')
    return {
        name: write(root / name)
        for name, write in tiny_public.WRITERS.items()
    }


@pytest.fixture
def build(folders):

    def build(name, **changes):
        config = dict(
            type=TYPES[name],
            pretrained=str(folders[name]),
            data_preprocessor=sseg_model.PREPROCESSOR,
            vocabulary=dict(classes=CLASSES))
        if name == 'clip':
            config['pseudo_mask_generator'] = sseg_model.GENERATOR
        if TYPES[name] == 'PromptedClasses':
            config['network'] = dict(
                type=dict(clipseg='CLIPSegNetwork', sam3='SAM3Network')[name])
        return MODELS.build({**config, **changes}).eval()

    return build


def images(name, count=2, size=None):
    side = size or SIZES[name]
    random = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, side, side, generator=random)


def tokens(model, texts, **options):
    network = getattr(model.network, 'network', model.network)
    tokenizer = getattr(model.network, 'tokenizer', None) or model.tokenizer
    found = tokenizer(
        list(texts), return_tensors='pt', **options or dict(padding=True))
    return network, dict(
        input_ids=found['input_ids'], attention_mask=found['attention_mask'])


TEXTS = [f'a photo of a {name}.' for name in CLASSES]


@torch.no_grad()
def test_groupvit(build):
    model, inputs = build('groupvit'), images('groupvit')
    network, texts = tokens(model, TEXTS)
    expected = network(
        pixel_values=inputs, output_segmentation=True,
        **texts).segmentation_logits  # (B, C, H, W)
    groups = model.groups(inputs)
    scale = network.logit_scale.exp()
    cosines = F.normalize(
        groups.features, dim=-1) @ model.class_embeddings().t()
    maps = torch.einsum('bgc,bghw->bchw', cosines, groups.attention)
    ours = F.interpolate(
        scale**2 * maps, (32, 32), mode='bilinear', align_corners=False)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(
        groups.image,
        network.get_image_features(inputs).pooler_output)
    # each pixel has the classes of its strongest group
    model.top_classes = None
    strongest = F.interpolate(
        groups.attention, (32, 32), mode='bilinear').argmax(1)
    probs = (scale * cosines).softmax(-1)
    chosen = torch.stack([p[s] for p, s in zip(probs, strongest)])
    torch.testing.assert_close(
        model.encode_decode(inputs, [{}] * 2), chosen.permute(0, 3, 1, 2))


@torch.no_grad()
def test_classes_of_an_image(build):
    """As GroupViT is tested: the softmax over all times that over a few."""
    model, inputs = build('groupvit', top_classes=2), images('groupvit')
    groups = model.groups(inputs)
    scale, names = model.logit_scale, model.class_embeddings()
    kept = (F.normalize(groups.image, dim=-1) @ names.t()).topk(2).indices
    logits = scale * F.normalize(groups.features, dim=-1) @ names.t()
    few = torch.full_like(logits, -torch.inf)
    for one, other, classes in zip(few, logits, kept):
        one[:, classes] = other[:, classes]
    _, probs = model.classified_regions(inputs, [])
    torch.testing.assert_close(probs, few.softmax(-1) * logits.softmax(-1))
    assert (probs == 0).any(1).sum() == 2  # one class of three in each


def test_groupvit_at_other_sizes(build):
    """Position embeddings are interpolated; the groups are of all of the
    image, also of what would be left of a patch at the edges."""
    model = build('groupvit')
    inputs = torch.randn(1, 3, 45, 66)
    groups = model.groups(inputs)
    assert groups.attention.shape == (1, 4, 11, 16)
    torch.testing.assert_close(groups.attention.sum(1), torch.ones(1, 11, 16))
    assert model.encode_decode(inputs, [{}]).shape == (1, 3, 45, 66)
    whole = F.interpolate(inputs, (44, 64), mode='bilinear')
    torch.testing.assert_close(groups.attention, model.groups(whole).attention)
    # above a half of a patch there is one more
    assert model.groups(inputs[..., :43, :]).attention.shape == (1, 4, 11, 16)


@torch.no_grad()
def test_clipseg(build):
    model, inputs = build('clipseg', prompts_at_once=2), images('clipseg')
    network, texts = tokens(model, TEXTS)
    expected = torch.stack([
        torch.stack([
            network(
                pixel_values=image[None],
                **{
                    key: value[i:i + 1]
                    for key, value in texts.items()
                }).logits.squeeze(0) for i in range(3)
        ]) for image in inputs
    ])
    found = model.network.logits(
        model.network.encode_images(inputs), model.prompts())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    probs = model.encode_decode(inputs, [{}] * 2)
    torch.testing.assert_close(probs, expected.sigmoid(), rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize('at_once', [1, 2])
def test_sam3(build, at_once):
    model, inputs = build('sam3', prompts_at_once=at_once), images('sam3')
    network, texts = tokens(model, TEXTS, padding='max_length', max_length=16)
    direct = [
        network(
            pixel_values=inputs,
            **{
                key: value[i:i + 1].expand(2, -1)
                for key, value in texts.items()
            }) for i in range(3)
    ]
    features = model.network.encode_images(inputs)
    for i, found in enumerate(
            zip(*model.network.objects(features, model.prompts()))):
        for image in range(2):
            torch.testing.assert_close(
                found[image].masks,
                direct[i].pred_masks[image],
                rtol=1e-3,
                atol=1e-3)
            torch.testing.assert_close(
                found[image].scores,
                direct[i].pred_logits[image].sigmoid() *
                direct[i].presence_logits[image].sigmoid(),
                rtol=1e-3,
                atol=1e-4)
    expected = torch.cat([
        one.semantic_seg.sigmoid() *
        one.presence_logits.sigmoid()[..., None, None] for one in direct
    ], 1)
    torch.testing.assert_close(
        model.encode_decode(inputs, [{}] * 2), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('keep', [True, False])
def test_padding_is_cut_off_small_maps(build, keep):
    """It is counted in pixels of the input, a map of SAM 3 is smaller."""
    model = build('sam3', keep_probabilities=keep)
    inputs = images('sam3', 1)
    maps = model.encode_decode(inputs, [{}])
    assert maps.shape[-1] < 112
    sample = SegDataSample(
        metainfo=dict(
            ori_shape=(72, 112),
            img_shape=(72, 112),
            img_padding_size=[0, 0, 0, 40]))
    found = model.predict(inputs, [sample])[0]
    expected = F.interpolate(maps, (112, 112), mode='bilinear')[0, :, :72]
    torch.testing.assert_close(found.seg_confidence.data[0], expected.amax(0))
    assert (found.pred_sem_seg.data[0] == expected.argmax(0)).all()


@torch.no_grad()
def test_clip_on_pseudo_masks(build):
    model, inputs = build('clip'), images('clip')
    metas = [{}] * 2
    masks = divide_images(model.pseudo_mask_generator, model.data_preprocessor,
                          inputs, metas)
    network, texts = tokens(model, TEXTS)
    crops = crop_masks(inputs, masks, 32)
    expected = network(
        pixel_values=crops, **texts).logits_per_image.softmax(-1)
    probs = model.encode_decode(inputs, metas)
    for image in range(2):
        for mask, row in zip(masks[image], expected[3 * image:]):
            assert mask.any()
            torch.testing.assert_close(probs[image][:, mask],
                                       row[:, None].expand(-1, mask.sum()))


def test_names_and_background(build):
    """The best name of a class counts, and no class has to be there."""
    model = build(
        'clipseg',
        prompts_at_once=2,
        background_threshold=0.4,
        vocabulary=dict(
            classes=['cat', 'dog'],
            prompt_names=[['cat', 'kitten', 'red cat'], 'dog'],
            templates=['{}'],
            background=True))
    inputs = images('clipseg')
    network = model.network
    every = network.masks(
        network.encode_images(inputs),
        network.encode_texts(['cat', 'kitten', 'red cat', 'dog']))
    probs = model.encode_decode(inputs, [{}] * 2)
    assert (probs[:, 0] == 0.4).all()
    torch.testing.assert_close(probs[:, 1], every[:, :3].amax(1))
    torch.testing.assert_close(probs[:, 2], every[:, 3])
    assert (probs[:, 1] > every[:, 0]).any()
    parts = torch.cat(list(model.probability_parts(inputs, [{}] * 2)), 1)
    torch.testing.assert_close(parts, probs)
    model.set_vocabulary(['dog'])
    torch.testing.assert_close(
        model.encode_decode(inputs, [{}] * 2),
        network.masks(
            network.encode_images(inputs), network.encode_texts(['dog'])))


def predict(model, name, size=None):
    inputs = images(name, 1, size)
    return model.predict(inputs)[0]


@pytest.mark.parametrize('name', ['clip', 'clipseg', 'groupvit'])
@pytest.mark.parametrize('background', [False, True])
def test_1203_names_in_bounded_memory(build, monkeypatch, name, background):
    """A few classes at a time give what all at once give."""
    assert len(set(MANY)) == 1203
    options = dict(
        vocabulary=dict(classes=MANY, background=background),
        background_threshold=0.01)
    if name == 'groupvit':
        options['background_rule'] = 'constant'
    model = build(name, **options)
    every = predict(model, name)
    assert every.seg_logits.data.shape[0] == 1203 + background
    model.keep_probabilities = False
    monkeypatch.setattr('mmlangseg.cpu.chunks._MAP_ELEMENTS',
                        60 * SIZES[name]**2)
    sizes = [
        part.shape[1]
        for part in model.probability_parts(images(name, 1), [{}])
    ]
    assert sum(sizes) == 1203 + background
    assert max(sizes) == (16 if name == 'clipseg' else 60)
    few = predict(model, name)
    assert 'seg_logits' not in few
    assert (few.pred_sem_seg.data == every.pred_sem_seg.data).all()
    torch.testing.assert_close(few.seg_confidence.data,
                               every.seg_confidence.data)


def test_1203_names_in_overlapping_crops(build, monkeypatch):
    model = build(
        'groupvit',
        vocabulary=MANY,
        test_cfg=dict(mode='slide', crop_size=(32, 32), stride=(20, 20)))
    every = predict(model, 'groupvit', 70)
    model.keep_probabilities = False
    monkeypatch.setattr('mmlangseg.cpu.chunks._MAP_ELEMENTS', 100 * 70**2)
    calls = []
    groups = model.groups
    monkeypatch.setattr(model, 'groups',
                        lambda inputs: calls.append(1) or groups(inputs))
    few = predict(model, 'groupvit', 70)
    assert len(calls) == 9  # every crop once, not for each of 13 parts
    assert (few.pred_sem_seg.data == every.pred_sem_seg.data).all()
    torch.testing.assert_close(few.seg_confidence.data,
                               every.seg_confidence.data)


@pytest.mark.parametrize('name', ['clipseg', 'groupvit', 'sam3'])
def test_inferencer_by_name(folders, build, name):
    """As a user names a model, it is prepared as in the configs."""
    inferencer = SSegInferencer(str(folders[name]), device='cpu')
    assert type(inferencer.model).__name__ == TYPES[name]
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    inferencer(pixels, 'cat;kitten, red dog')
    result = inferencer(pixels, 'cat;kitten, red dog', threshold=0.2)
    assert result.names == ('background', 'cat', 'red dog')
    assert result.labels.shape == (60, 90)
    preprocessor = inferencer.model.data_preprocessor
    resize = inferencer.pipeline.transforms[1]
    if name == 'sam3':
        assert resize.scale == (112, 112) and preprocessor.mean[0] == 127.5
    elif name == 'clipseg':
        assert resize.scale == (352, 352)
    else:
        assert resize.scale == (2048, 448) and resize.keep_ratio
    # images come as BGR, and these networks take RGB
    blue = torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None]
    fed = preprocessor(
        dict(
            inputs=[blue.expand(3, 32, 32)],
            data_samples=[SegDataSample(metainfo=dict(img_shape=(32, 32)))]))
    assert fed['inputs'][0, :, 0, 0].argmax() == 2
    with pytest.raises(ValueError, match='names no classes'):
        inferencer(pixels)


def test_bad_input(folders, build, tmp_path):
    with pytest.raises(
            ValueError,
            match='is a clip of transformers, which '
            'does not take classes: known are clipseg, sam3, gr'):
        SSegInferencer(str(folders['clip']), device='cpu')
    with pytest.raises(ValueError, match='groupvit .* not take sentences'):
        public_config(str(folders['groupvit']), 'sentences')
    with pytest.raises(OSError, match='org/none is no f'):
        SSegInferencer('org/none', device='cpu')
    with pytest.raises(ValueError, match='has no mmlangseg.json'):
        SSegInferencer(str(tmp_path), device='cpu')
    with pytest.raises(ValueError, match="mode='slide': a prompt is about"):
        build('clipseg', test_cfg=dict(mode='slide'))
    model = build(
        'clipseg', vocabulary=dict(classes=['cat'], templates='subset'))
    with pytest.raises(ValueError, match='has 7 templates: a prompt is one'):
        model.prompts()
    with pytest.raises(ValueError, match='takes square images, not'):
        model.network.encode_images(torch.zeros(1, 3, 32, 40))
    for name in ('clipseg', 'groupvit'):
        with pytest.raises(NotImplementedError, match='is not trained here'):
            build(name).loss(images(name), [])
