"""Every entry config of S-Seg builds what it says; the toy's have their own
tests."""
from __future__ import annotations
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from config_files import CONFIGS as ROOT
from config_files import entries, find_config
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS
from PIL import Image

from mmlangseg.sseg.pseudo_masks import PseudoMaskCache, find_generator_config
from mmlangseg.sseg.vocabulary import (BENCHMARKS, ClassNames,
                                       dataset_vocabulary, write_class_names)

OWN_PAIRS = ROOT / 'sseg_own_pairs.py'
CONFIGS = sorted(
    path for path in entries('sseg_')
    if 'toy' not in path.stem and path != OWN_PAIRS)
SELF_TRAINING = [path for path in CONFIGS if path.stem.startswith('sseg_plus')]
TRAINING = [path for path in CONFIGS if '_cc' in path.stem]
EVALUATION = [p for p in CONFIGS if p not in SELF_TRAINING + TRAINING]
TINY_VIT = dict(
    model_type='vit',
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=16,
    patch_size=8)
HEIGHT, WIDTH = 30, 40  # of the made images
# folder of images, of label maps, their suffix, and a list of images
LAYOUTS = {
    'VOCdevkit/VOC2012':
    ('JPEGImages', 'SegmentationClass', '.png', 'ImageSets/Segmentation'),
    'VOCdevkit/VOC2010': ('JPEGImages', 'SegmentationClassContext', '.png',
                          'ImageSets/SegmentationContext'),
    'coco_stuff164k':
    ('images/val2017', 'annotations/val2017', '_instanceTrainIds.png', None),
    'ade/ADEChallengeData2016':
    ('images/validation', 'annotations/validation', '.png', None),
    'lvis_v1': ('val2017', 'labels/val2017', '.png', None),
    'ADE20K_2021_17_01': ('images_detectron2/validation',
                          'annotations_detectron2/validation', '.tif', None),
}


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """One image of every set, in its own layout, and pairs in tars."""
    root = tmp_path_factory.mktemp('data')
    image = np.random.RandomState(0).randint(0, 255, (HEIGHT, WIDTH, 3),
                                             np.uint8)
    # 0 and 255 mean different things in different sets
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:10], labels[-5:] = 2, 255
    for folder, (images, maps, suffix, lists) in LAYOUTS.items():
        save(root / folder / images / 'a.jpg', image)
        wide = 'lvis' in folder or suffix == '.tif'
        save(root / folder / maps / f'a{suffix}',
             labels.astype(np.uint16) if wide else labels)
        save(root / folder / 'sseg_labels' / 'a.png', labels)
        if lists:
            (root / folder / lists).mkdir(parents=True)
            for split in ('train', 'val'):
                (root / folder / lists / f'{split}.txt').write_text('a\n')
    coco = root / 'coco_stuff164k'
    save(coco / 'images/train2017/a.jpg', image)
    save(coco / 'annotations/val2017/a_labelTrainIds.png', labels)
    save(root / 'VOCdevkit/VOC2010/annotations_detectron2/pc459_val/a.tif',
         labels.astype(np.uint16))
    town = root / 'cityscapes'
    save(town / 'leftImg8bit/val/town/a_leftImg8bit.png', image)
    save(town / 'gtFine/val/town/a_gtFine_labelTrainIds.png', labels)
    write_names(root / 'ADE20K_2021_17_01', 847, False)
    write_names(root / 'VOCdevkit/VOC2010', 459, False, 'pc459_classes.txt')
    (root / 'lvis_v1' / 'lvis_v1_val.txt').write_text('val2017/a\n')
    write_names(root / 'lvis_v1', 1203, False)
    for count in (50, 300, 919):
        folder = root / 'ImageNetS' / f'ImageNetS{count}'
        save(folder / 'validation/n1/a.JPEG', image)
        rgb = np.stack([labels, 0 * labels, 0 * labels], -1)
        rgb[-5:] = [1000 % 256, 1000 // 256, 0]
        save(folder / 'validation-segmentation/n1/a.png', rgb)
        write_names(folder, count, True)
    for name in ('cc12m/00000', 'cc3m/gcc-train-000000', 'redcaps/a',
                 'own_pairs/pairs/a'):
        write_tar(root / f'{name}.tar', image)
    own = root / 'own_pairs'
    save(own / 'photos/a.jpg', image)
    save(own / 'labels/a.png', labels)
    write_names(own, 3, True)
    for name, content in (('val', 'a'), ('test', 'a'), ('words', 'a\ndog')):
        (own / f'{name}.txt').write_text(content)
    return f'{root}/'


def write_names(folder, count, background, file='classes.txt'):
    names = tuple((f'thing {i}', f'kind {i}') for i in range(count))
    write_class_names(folder / file, ClassNames(names, background))


def write_tar(path, image):
    path.parent.mkdir(parents=True)
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'PNG')
    with tarfile.open(path, 'w') as tar:
        for i in range(2):
            for suffix, content in (('png', file.getvalue()),
                                    ('txt', b'a dog on the grass')):
                member = tarfile.TarInfo(f'{i:09d}.{suffix}')
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def write_cache(folder):
    """Pseudo-masks of the two pairs that :func:`write_tar` writes."""
    cache = PseudoMaskCache.create(
        folder,
        dict(
            dataset='made',
            num_samples=2,
            num_clusters=4,
            grid=(2, 2),
            shard_size=2,
            generator={}))
    maps = np.array([[0, 1], [2, 3]])
    cache.write_shard(0, {i: (f'00000.tar/{i:09d}', maps) for i in range(2)})


def relocate(value, root):
    """Replace the folder of the data in all strings of a config."""
    if isinstance(value, dict):
        return {k: relocate(v, root) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(relocate(v, root) for v in value)
    if isinstance(value, str) and value.startswith('data/'):
        return root + value[len('data/'):]
    return value


def load(path, root):
    cfg = Config.fromfile(path)
    assert cfg.default_scope == 'mmseg'
    return Config(relocate(cfg._cfg_dict.to_dict(), root))


def shrink(model):
    """Make an S-Seg small, without pretrained weights."""
    assert model.backbone.type == 'SwinTransformer'
    assert 'init_cfg' not in model.backbone  # from scratch
    model.backbone.update(
        embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2))
    model.decode_head.update(
        in_channels=[8, 16, 32, 64],
        feat_channels=32,
        out_channels=16,
        num_heads=2,
        feedforward_channels=16)
    model.text_encoder.update(embed_dims=16, num_layers=1)
    generator = model.pseudo_mask_generator
    if generator is not None:
        assert generator.features.pretrained == 'facebook/dino-vits8'
        generator.features.update(pretrained=None, config=TINY_VIT)
    return model


@pytest.mark.parametrize('path', TRAINING, ids=lambda path: path.stem)
def test_training(path, data):
    cfg = load(path, data)
    model = MODELS.build(shrink(cfg.model))
    if 'cached' in path.stem:
        write_cache(Path(cfg.train_pipeline[1].cache))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    assert cfg.default_hooks.broken_pairs == dict(type='BrokenPairsHook')
    sources = path.stem.count('-')  # swin-s_cc3m-cc12m has two
    assert len(dataset) == 2 * len(dataset.sources) == 2 * sources
    DATA_SAMPLERS.build(
        cfg.train_dataloader.sampler, default_args=dict(dataset=dataset))
    assert cfg.train_dataloader.batch_size * 32 == \
        cfg.auto_scale_lr.base_batch_size
    batch = [dataset[0], dataset[1]]
    assert batch[0]['inputs'].shape == (3, 224, 224)
    batch = {key: [sample[key] for sample in batch] for key in batch[0]}
    batch = model.data_preprocessor(batch, True)
    losses = model(**batch, mode='loss')
    assert {'loss_contrastive', 'loss_dice', 'loss_focal'} < set(losses)
    multi_label = 'multi_label' in path.stem
    assert ('loss_multi_label' in losses) == multi_label
    assert sum('loss' in name for name in losses) == 1 + 2 * 6 + multi_label
    total, _ = model.parse_losses(losses)
    total.backward()


def test_own_pairs(data):
    """The template for own pairs, which needs no weights: a step, a test."""
    cfg = load(OWN_PAIRS, data)
    model = MODELS.build(cfg.model)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    index, = (Path(data) / 'own_pairs' / 'index').iterdir()
    assert index.name.startswith('a.tar')
    batch = [dataset[0], dataset[1]]
    batch = {key: [sample[key] for sample in batch] for key in batch[0]}
    batch = model.data_preprocessor(batch, True)
    assert batch['inputs'].shape == (2, 3, *cfg.image_size)
    losses = model(**batch, mode='loss')
    assert {'loss_contrastive', 'loss_dice', 'loss_focal'} < set(losses)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is not None for p in model.parameters())
    for split in ('val', 'test'):
        images = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        assert model.vocabulary.labels == images.metainfo['classes']
        sample = images[0]
        assert sample['inputs'].shape[1] == cfg.image_scale[1]
    result, = model.eval().test_step({
        key: [value]
        for key, value in sample.items()
    })
    assert result.pred_sem_seg.shape == (HEIGHT, WIDTH)
    metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = images.metainfo
    metric.process({}, [result.to_dict()])
    assert 0 <= metric.evaluate(1)['mIoU'] <= 100


def test_what_decays():
    """All but biases, norms and other parameters of one dimension."""
    cfg = Config.fromfile(ROOT / 'sseg_swin-s_cc12m.py')
    model = MODELS.build(shrink(cfg.model))
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    decays = {
        id(parameter): group['weight_decay']
        for group in optimizer.param_groups
        for parameter in group['params']
    }
    trained = [p for p in model.named_parameters() if p[1].requires_grad]
    assert len(decays) == len(trained)
    for name, parameter in trained:
        expected = 0.05 if parameter.ndim > 1 else 0.
        assert decays[id(parameter)] == expected, name


def test_size_of_the_paper():
    """The reference counts 89 million parameters; the hidden channels of the
    projections, 4 million there, are a choice."""
    model = Config.fromfile(ROOT / 'sseg_swin-s_cc12m.py').model
    model.pseudo_mask_generator = None
    model = MODELS.build(model)
    count = {
        name: sum(p.numel() for p in part.parameters()) / 1e6
        for name, part in model.named_children()
    }
    assert count['backbone'] == pytest.approx(49, abs=.5)
    assert count['text_encoder'] == pytest.approx(22.1, abs=.1)
    assert count['decode_head'] == pytest.approx(14, abs=1)
    assert sum(count.values()) == pytest.approx(85, abs=1)


@pytest.mark.parametrize('path', EVALUATION, ids=lambda path: path.stem)
def test_evaluation(path, data):
    cfg = load(path, data)
    name = cfg.model.vocabulary.dataset
    assert path.stem == f'sseg_swin-s_{name.replace("_", "-")}'
    model = MODELS.build(shrink(cfg.model))
    assert model.pseudo_mask_generator is None
    # tools that need one find that of the training
    training = Config.fromfile(ROOT / 'sseg_swin-s_cc12m.py').model
    assert find_generator_config(cfg) == \
        training.pseudo_mask_generator.to_dict()
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    # names are cleaned from blanks
    classes = tuple(c.strip() for c in dataset.metainfo['classes'])
    assert model.vocabulary.labels == classes
    assert dataset.test_mode and len(dataset) == 1
    sample = dataset[0]
    assert sample['inputs'].shape == (3, 448, round(448 * WIDTH / HEIGHT))
    # shrunk without smoothing, images would look unlike those of the training
    resize, = (
        s for s in cfg.test_dataloader.dataset.pipeline if s.type == 'Resize')
    assert resize.backend == 'pillow'
    labels = sample['data_samples'].gt_sem_seg.data
    assert labels.shape == (1, HEIGHT, WIDTH)
    metric = METRICS.build(cfg.test_evaluator)
    assert metric.ignore_index == dataset.ignore_index
    # 255 in the made label maps is a class of the large ones
    ignored = labels == metric.ignore_index
    assert ignored[0, -1].all() == (name not in ('lvis', 'ade847', 'pc459'))
    reduced = name in ('voc20', 'context59', 'coco_object80', 'lvis', 'ade20k')
    assert ignored[0, 15].all() == reduced
    assert (labels[0, 0] == 2 - reduced).all()


def test_every_benchmark_has_a_config():
    names = {
        path.stem.rpartition('_')[2].replace('-', '_')
        for path in EVALUATION
    }
    assert names == set(BENCHMARKS) - {'own'}


@pytest.mark.parametrize('name', ['voc21', 'lvis'])
def test_test_run(name, data, tmp_path):
    """tools/test.py's loop, with an untrained model and small images."""
    cfg = load(find_config(f'sseg_swin-s_{name}'), data)
    shrink(cfg.model)
    cfg.model.test_cfg.update(crop_size=(64, 64), stride=(32, 32))
    for step in cfg.test_dataloader.dataset.pipeline:
        if step.type == 'Resize':
            step.scale = (256, 64)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.merge_from_dict(
        dict(work_dir=str(tmp_path), log_level='ERROR', experiment_name=name))
    cfg.default_hooks.visualization.update(
        draw=True, test_out_dir=str(tmp_path / 'pictures'))
    scores = Runner.from_cfg(cfg).test()
    assert 0 <= scores['mIoU'] <= 100
    picture, = (tmp_path / 'pictures').rglob('*.png')
    assert picture.stem.startswith('a' if name == 'voc21' else 'val2017-a')


@pytest.mark.parametrize('path', SELF_TRAINING, ids=lambda path: path.stem)
def test_self_training(path, data):
    cfg = load(path, data)
    assert cfg.model.pretrained == f'{data}pretrained/' \
        'mae_pretrain_vit_base_mmcls.pth'
    cfg.model.pretrained = None
    size = (64, 64)
    assert cfg.model.data_preprocessor.size == cfg.crop_size
    cfg.model.data_preprocessor.size = size
    crop, = (
        step for step in cfg.train_dataloader.dataset.pipeline
        if step.type == 'RandomCrop')
    assert crop.crop_size == cfg.model.backbone.img_size == cfg.crop_size
    crop.crop_size = size
    cfg.model.backbone.update(embed_dims=16, num_heads=2, img_size=size)
    cfg.model.neck.embed_dim = 16
    cfg.model.decode_head.update(in_channels=[16] * 4, channels=8)
    cfg.model.auxiliary_head.update(in_channels=16, channels=8)
    model = MODELS.build(cfg.model)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    classes = train.metainfo['classes']
    name = path.stem.rpartition('_')[2].replace('-', '_')
    found = dataset_vocabulary(name)
    assert classes == ('background', *found['classes'])
    assert model.decode_head.num_classes == len(classes)
    assert model.auxiliary_head.num_classes == len(classes)
    sample = train[0]
    assert 'sseg_labels/a.png' in sample['data_samples'].seg_map_path
    assert set(sample['data_samples'].gt_sem_seg.data.unique().tolist()) <= {
        0, 2, 255
    }
    batch = model.data_preprocessor(
        dict(
            inputs=[sample['inputs']] * 2,
            data_samples=[sample['data_samples']] * 2), True)
    assert batch['inputs'].shape == (2, 3, *size)
    assert {'decode.loss_ce', 'aux.loss_ce'} < set(model(**batch, mode='loss'))
    test = DATASETS.build(cfg.test_dataloader.dataset)
    assert test.metainfo['classes'] == classes and test.test_mode
    labels = test[0]['data_samples'].gt_sem_seg.data
    assert labels.shape == (1, HEIGHT, WIDTH)
    assert 'sseg_labels' not in test[0]['data_samples'].seg_map_path
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    rates = {group['lr'] for group in optimizer.param_groups}
    assert max(rates) == 1e-4 and len(rates) > 10  # one for each layer


def has_loss(model, name):
    return getattr(model, f'{name}_loss') is not None


TOYS = {
    'sseg_toy':
    lambda m: has_loss(m, 'contrastive') and has_loss(
        m, 'mask') and m.similarity == 'cosine',
    'sseg_toy_demo':
    lambda m: has_loss(m, 'contrastive') and has_loss(
        m, 'mask') and m.similarity == 'relative',
    'sseg_toy_relative':
    lambda m: has_loss(m, 'mask') and m.similarity == 'relative',
    'sseg_toy_no_contrast':
    lambda m: has_loss(m, 'mask') and not has_loss(m, 'contrastive'),
    'sseg_toy_no_masks':
    lambda m: has_loss(m, 'contrastive') and not has_loss(
        m, 'mask') and m.pseudo_mask_generator is None,
    'sseg_toy_random_dino':
    lambda m: type(m.pseudo_mask_generator.features).__name__ ==
    'DINOFeatures',
    'sseg_toy_pooled':
    lambda m: (m.region_features, m.similarity) == ('pooled', 'cosine'),
    'sseg_toy_pooled_relative':
    lambda m: (m.region_features, m.similarity) == ('pooled', 'relative'),
    'sseg_toy_crop':
    lambda m: m.region_features == 'crop',
    'sseg_toy_plus':
    lambda m: m.decode_head.num_classes == 11,
}


@pytest.mark.parametrize('name', TOYS)
def test_toys(name, tmp_path):
    cfg = Config.fromfile(find_config(name))
    if 'text_encoder' in cfg.model:
        (tmp_path / 'words.txt').write_text('a\ndog')
        cfg.model.text_encoder.vocabulary = str(tmp_path / 'words.txt')
    assert TOYS[name](MODELS.build(cfg.model))


def test_every_toy_is_tested():
    assert set(TOYS) == {path.stem for path in entries('sseg_toy')}
