"""A small S-Seg and random images for it, shared by the tests."""
from __future__ import annotations

import mmlangseg  # noqa: F401  isort:skip  before mmcv.ops, for mmcv-lite
from pathlib import Path

import numpy as np
import torch
from config_files import CONFIGS
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image

import mmlangseg.sseg  # noqa: F401  (registers the model)

WORDS = ('a', 'photo', 'of', 'the', 'cat', 'dog', 'grass', 'on', 'red')
CAPTIONS = ('a cat on grass', 'the red dog', 'a photo of grass')
CLASSES = ('cat', 'dog', 'grass')
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
GENERATOR = dict(
    type='PseudoMaskGenerator',
    features=dict(type='PixelFeatures', stride=4),
    num_clusters=3,
    max_iterations=5)
PREPROCESSOR = dict(
    type='SegDataPreProcessor',
    mean=MEAN,
    std=STD,
    bgr_to_rgb=True,
    size=(48, 48),
    seg_pad_val=255)
BACKBONE = dict(
    type='SwinTransformer',
    embed_dims=8,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    window_size=4,
    drop_path_rate=0.)


def model_config(folder: Path, **changes) -> dict:
    """Config of an S-Seg of some ten thousand parameters.

    Args:
        folder: For the words of the text encoder.
        changes: Top-level entries to replace.
    """
    vocabulary = Path(folder) / 'words.txt'
    vocabulary.write_text('\n'.join(WORDS))
    config = dict(
        type='SSeg',
        data_preprocessor=PREPROCESSOR,
        backbone=BACKBONE,
        decode_head=dict(
            type='SSegHead',
            in_channels=[8, 16, 32, 64],
            feat_channels=16,
            out_channels=16,
            num_queries=5,
            num_layers=2,
            num_heads=2,
            feedforward_channels=16,
            dropout=0.,
            pixel_decoder=dict(
                type='mmdet.PixelDecoder',
                norm_cfg=dict(type='GN', num_groups=4),
                act_cfg=dict(type='ReLU'))),
        text_encoder=dict(
            type='GRUTextEncoder',
            vocabulary=str(vocabulary),
            hidden_channels=6,
            embed_dims=10),
        visual_projection=dict(
            type='ProjectionMLP', hidden_channels=16, out_channels=8),
        text_projection=dict(
            type='ProjectionMLP', hidden_channels=16, out_channels=8),
        mask_loss=dict(type='PseudoMaskLoss'),
        contrastive_loss=dict(type='ImageTextContrastiveLoss'),
        pseudo_mask_generator=GENERATOR,
        vocabulary=dict(classes=CLASSES, background=True))
    return {**config, **changes}


def build(config: dict, seed: int = 0) -> torch.nn.Module:
    """Build a model with reproducible weights.

    They are random also where layers start with zeros, and so large that
    the queries and their masks differ.
    """
    torch.manual_seed(seed)
    model = MODELS.build(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.xavier_normal_(parameter, gain=2)
        if hasattr(model, 'decode_head'):
            model.decode_head.query_embed.weight.normal_(std=3)
    return model


def batch(sizes=((48, 48), ) * 3, captions=CAPTIONS, **meta) -> dict:
    """Images and samples as the data loader gives them, before
    normalization; the label map has three columns."""
    inputs, samples = [], []
    for i, ((height, width), text) in enumerate(zip(sizes, captions)):
        random = torch.Generator().manual_seed(i)
        inputs.append(
            torch.randint(
                256, (3, height, width), dtype=torch.uint8, generator=random))
        sample = SegDataSample(
            metainfo=dict(
                dict(
                    text=text,
                    sample_id=10 + i,
                    img_path=f'{i}.jpg',
                    img_shape=(height, width),
                    ori_shape=(height, width)), **meta))
        columns = torch.arange(width) * 3 // width
        sample.gt_sem_seg = PixelData(data=columns.expand(1, height, width))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def run(model: torch.nn.Module, mode: str, data: dict | None = None):
    """Preprocess a batch and run the model on it."""
    data = model.data_preprocessor(data or batch(), model.training)
    with torch.set_grad_enabled(mode == 'loss'):
        return model(**data, mode=mode)


def save_checkpoint(path: Path, model: torch.nn.Module) -> Path:
    """Save the weights as MMEngine does."""
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return path


def write_data(root: Path, count: int = 3) -> Path:
    """Write images of three colored columns and their label maps, 255 in the
    first row: ``images/<i>.png`` and ``labels/<i>.png``."""
    for folder in ('images', 'labels'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        height, width = 40 + 2 * i, 56
        rng = np.random.default_rng(i)
        labels = np.broadcast_to(
            np.arange(width) * 4 // width, (height, width)).astype(np.uint8)
        labels = (labels + i) % 4
        colors = rng.integers(0, 256, (4, 3))
        noise = rng.integers(-20, 20, (height, width, 3))
        pixels = (colors[labels] + noise).clip(0, 255).astype(np.uint8)
        labels[0] = 255
        Image.fromarray(pixels).save(root / 'images' / f'{i}.png')
        Image.fromarray(labels).save(root / 'labels' / f'{i}.png')
    return root


def write_config(folder: Path, **changes) -> Path:
    """Write a config that tests the model on the images of
    :func:`write_data`.

    Args:
        folder: For the config and the data.
        changes: Top-level entries to replace.
    """
    write_data(folder / 'data')
    dataset = dict(
        type='BaseSegDataset',
        data_root=str(folder / 'data'),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        img_suffix='.png',
        seg_map_suffix='.png',
        metainfo=dict(
            classes=('background', *CLASSES),
            palette=[[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(64, 48), keep_ratio=True),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ])
    loader = dict(
        batch_size=1,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dataset)
    content = dict(
        default_scope='mmseg',
        custom_imports=dict(
            imports=['mmlangseg.sseg'], allow_failed_imports=False),
        model=model_config(folder),
        sweep_dataloader=loader,
        test_dataloader=loader,
        test_cfg=dict(type='TestLoop'),
        test_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
        default_hooks=dict(
            visualization=dict(type='SemanticVisualizationHook')))
    content.update(changes)
    path = Path(folder) / 'tiny.py'
    path.write_text('\n'.join(f'{key} = {value!r}'
                              for key, value in content.items()))
    return path


def write_training_config(folder: Path) -> Path:
    """Write a small variant of the config that trains on CC12M, which tests
    on nothing."""
    path = Path(folder) / 'training.py'
    path.write_text(f"""_base_ = {str(CONFIGS / 'sseg_swin-s_cc12m.py')!r}
model = dict(
    backbone=dict(embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2)),
    decode_head=dict(
        in_channels=[8, 16, 32, 64], feat_channels=32, out_channels=16,
        num_layers=2, num_heads=2, feedforward_channels=16),
    text_encoder=dict(embed_dims=16, num_layers=1))
""")
    return path
