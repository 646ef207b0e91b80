"""The configs of public models, with tiny ones in their place."""
from __future__ import annotations
import json
from pathlib import Path

import numpy as np
import pytest
import tiny_public
import torch
from command_line import call, keep_config_unformatted
from config_files import find_config
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from refer_data import IMAGES, write_refer

import mmlangseg.semires  # noqa: F401
import mmlangseg.sseg  # noqa: F401
from mmlangseg.apis import SemiRESInferencer

CLASSES = [(model, name)
           for model in ('clip-masks', 'clipseg', 'groupvit', 'sam3')
           for name in ('voc21', 'context60', 'coco-object')]
SENTENCES = ('clipseg', 'sam3')
SIZES = {'clipseg': 352, 'sam3': 1008}
FEATURES = dict(type='PixelFeatures', stride=4)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp('public')
    names = {'clip': 'clip-masks'}
    return {
        names.get(name, name): str(write(root / name))
        for name, write in tiny_public.WRITERS.items()
    }


@pytest.mark.parametrize('model, name', CLASSES)
def test_classes(model, name, folders):
    cfg = Config.fromfile(find_config(f'{model}_{name}.py'))
    init_default_scope('mmseg')
    assert '/' in cfg.model.pretrained  # a name on the hub
    cfg.model.pretrained = folders[model]
    if model == 'clip-masks':
        assert cfg.model.pseudo_mask_generator.features.type == 'DINOFeatures'
        cfg.model.pseudo_mask_generator.features = FEATURES
    built = MODELS.build(cfg.model)
    dataset = DATASETS.get(cfg.test_dataloader.dataset.type)
    classes = tuple(c.strip() for c in dataset.METAINFO['classes'])
    assert built.vocabulary.labels == classes
    resize = cfg.test_dataloader.dataset.pipeline[1]
    if model in SIZES:
        assert resize.scale == (SIZES[model], SIZES[model])
    else:
        assert resize.scale == (2048, 448) and resize.keep_ratio
    assert not built.keep_probabilities


def write_voc(root: Path) -> None:
    folder = root / 'data/VOCdevkit/VOC2012'
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    labels = np.zeros((40, 50), np.uint8)
    labels[:20] = 8
    for name, suffix, array in (('JPEGImages', 'jpg', pixels),
                                ('SegmentationClass', 'png', labels)):
        (folder / name).mkdir(parents=True)
        Image.fromarray(array).save(folder / name / f'a.{suffix}')
    (folder / 'ImageSets/Segmentation').mkdir(parents=True)
    (folder / 'ImageSets/Segmentation/val.txt').write_text('a\n')


@pytest.mark.parametrize('model', ['clip-masks', 'clipseg', 'groupvit'])
def test_test_run(model, folders, tmp_path, monkeypatch):
    """tools/test.py without a checkpoint: the config names the weights."""
    monkeypatch.chdir(tmp_path)
    keep_config_unformatted(monkeypatch)
    write_voc(tmp_path)
    path = find_config(f'{model}_voc21.py')
    if model == 'clip-masks':  # without DINO
        small = tmp_path / 'small.py'
        small.write_text(f'_base_ = {str(path)!r}\n'
                         'model = dict(pseudo_mask_generator=dict(features='
                         f'dict(_delete_=True, **{FEATURES})))')
        path = small
    call('test.py', path, '--out', 'out.json', '--cfg-options',
         f'model.pretrained={folders[model]}', 'test_dataloader.num_workers=0')
    metrics = json.loads(Path('out.json').read_text())['metrics']
    assert 0 <= metrics['mIoU'] <= 100


@pytest.mark.parametrize('model', SENTENCES)
def test_sentences(model, folders, tmp_path, monkeypatch):
    """What tools/test.py finds on RefCOCO is what an inferencer finds."""
    monkeypatch.chdir(tmp_path)
    keep_config_unformatted(monkeypatch)
    write_refer(Path('data/refer'), name='refcoco', images=IMAGES)
    size = 32 if model == 'clipseg' else 112
    call('test.py', find_config(f'{model}_refcoco.py'), '--out', 'out.json',
         '--cfg-options', f'model.pretrained={folders[model]}',
         'test_dataloader.num_workers=0',
         'test_dataloader.persistent_workers=False',
         f'test_dataloader.dataset.pipeline.1.scale=({size},{size})')
    content = json.loads(Path('out.json').read_text())
    assert 0 <= content['metrics']['oIoU'] <= 100
    record = content['records'][0]
    cfg = Config.fromfile(find_config(f'{model}_refcoco.py'))
    cfg.model.pretrained = folders[model]
    cfg.test_dataloader.dataset.pipeline[1].scale = (size, size)
    inferencer = SemiRESInferencer(cfg, device='cpu')
    result, = inferencer(record['img_path'], record['text'])
    init_default_scope('mmseg')
    truth = next(sample['data_samples'].gt_sem_seg.data[0].numpy() == 1
                 for sample in DATASETS.build(cfg.test_dataloader.dataset)
                 if sample['data_samples'].text == record['text']
                 and sample['data_samples'].img_path == record['img_path'])
    assert truth.shape == result.mask.shape
    iou = (truth & result.mask).sum() / (truth | result.mask).sum()
    assert record['iou'] == pytest.approx(iou, abs=1e-6)


@torch.no_grad()
def test_the_best_object_is_meant(folders):
    """Of SAM 3's, by a direct call of transformers; an image is encoded once
    for all of its sentences."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    inferencer = SemiRESInferencer(folders['sam3'], device='cpu')
    model, calls = inferencer.model, []
    encode = model.network.encode_images
    model.network.encode_images = lambda x: calls.append(1) or encode(x)
    texts = ['the red dog', 'cat on the left']
    results = inferencer(pixels, texts)
    assert len(calls) == 1
    inputs = np.asarray(
        Image.fromarray(pixels).resize((112, 112), Image.BILINEAR))
    inputs = torch.tensor(inputs / 127.5 - 1).permute(2, 0, 1)[None].float()
    for text, result in zip(texts, results):
        tokens = model.network.tokenizer([text],
                                         padding='max_length',
                                         max_length=16,
                                         return_tensors='pt')
        direct = model.network.network(
            pixel_values=inputs,
            input_ids=tokens['input_ids'],
            attention_mask=tokens['attention_mask'])
        best = direct.pred_masks[0, direct.pred_logits[0].argmax()]
        # at the size of the image in two steps, as mmseg does
        for size in ((112, 112), (60, 90)):
            best = torch.nn.functional.interpolate(
                best[None, None].float(), size, mode='bilinear')[0, 0]
        assert (result.mask == (best > 0).numpy()).mean() > 0.999
        assert result.score == pytest.approx(
            best.sigmoid()[best > 0].mean().item(), abs=1e-3)
    inferencer(pixels[::-1].copy(), texts[:1])
    assert len(calls) == 2
