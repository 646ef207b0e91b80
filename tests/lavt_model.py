"""A small LAVT and random images for it, shared by the tests of the model."""
from __future__ import annotations

import mmlangseg  # noqa: F401  isort:skip  before mmcv.ops, for mmcv-lite
from pathlib import Path

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from refer_data import write_refer

import mmlangseg.semires  # noqa: F401  (registers the model)

WORDS = ('the', 'man', 'dog', 'left', 'of', 'car', 'red', 'near', 'a')
SENTENCES = ('the red dog left of a car', 'man', 'a car near the man')
SWIN = dict(
    embed_dims=8,
    depths=(2, 1, 1, 1),
    num_heads=(1, 2, 2, 4),
    window_size=7,
    drop_path_rate=0.)


def model_config(folder: Path, **changes) -> dict:
    """Config of a LAVT of a few hundred thousand parameters.

    Args:
        folder: For the vocabulary.
        changes: Top-level entries to replace.
    """
    vocabulary = Path(folder) / 'words.txt'
    vocabulary.write_text('\n'.join(WORDS))
    config = dict(
        type='LAVT',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[127.5] * 3,
            std=[64.] * 3,
            bgr_to_rgb=True,
            size_divisor=1,
            seg_pad_val=255),
        text_encoder=dict(
            type='GRUTextEncoder',
            vocabulary=str(vocabulary),
            hidden_channels=6,
            embed_dims=10),
        backbone=dict(type='MultiModalSwin', **SWIN),
        decode_head=dict(type='LAVTHead'),
        loss=dict(type='ReferringCrossEntropy'))
    return {**config, **changes}


def write_config(folder: Path, **changes) -> Path:
    """Write a config that tests the model on a small REFER set.

    Args:
        folder: For the config, the vocabulary and the data.
        changes: Top-level entries to replace.
    """
    write_refer(folder / 'refer')
    meta_keys = ('img_path', 'img_id', 'ref_id', 'sent_id', 'text', 'groups',
                 'object_ids', 'ori_shape', 'img_shape', 'flip')
    pipeline = [
        dict(type='LoadImageFromFile', imdecode_backend='pillow'),
        dict(type='LoadReferringMask'),
        dict(
            type='Resize', scale=(64, 64), keep_ratio=False, backend='pillow'),
        dict(type='PackSegInputs', meta_keys=meta_keys),
    ]
    content = dict(
        default_scope='mmseg',
        custom_imports=dict(
            imports=['mmlangseg.semires'], allow_failed_imports=False),
        model=model_config(folder),
        test_dataloader=dict(
            batch_size=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(
                type='RefCOCODataset',
                data_root=str(folder / 'refer'),
                ann_folder='refcoco',
                split='val',
                test_mode=True,
                pipeline=pipeline)),
        test_cfg=dict(type='TestLoop'),
        test_evaluator=dict(
            type='ReferringSegMetric',
            thresholds=(0.5, ),
            inclusive=True,
            accuracy_name='P'),
        default_hooks=dict(
            visualization=dict(type='ReferringVisualizationHook')))
    content.update(changes)
    path = Path(folder) / 'tiny.py'
    path.write_text('\n'.join(f'{key} = {value!r}'
                              for key, value in content.items()))
    return path


def save_checkpoint(path: Path, model: torch.nn.Module) -> Path:
    """Save the weights as MMEngine does."""
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return path


def build(config: dict, seed: int = 0) -> torch.nn.Module:
    """Build a model with reproducible weights."""
    torch.manual_seed(seed)
    model = MODELS.build(config)
    model.init_weights()
    return model


def batch(sizes=((64, 64), ) * 3, sentences=SENTENCES, **meta) -> dict:
    """Images and samples as the data loader gives them, before
    normalization; the target is the left half."""
    inputs, samples = [], []
    for i, ((height, width), text) in enumerate(zip(sizes, sentences)):
        random = torch.Generator().manual_seed(i)
        inputs.append(
            torch.randint(
                256, (3, height, width), dtype=torch.uint8, generator=random))
        sample = SegDataSample(
            metainfo=dict(
                dict(
                    text=text,
                    img_path=f'{i}.jpg',
                    img_shape=(height, width),
                    ori_shape=(height, width)), **meta))
        mask = torch.zeros(1, height, width, dtype=torch.int64)
        mask[..., :width // 2] = 1
        sample.gt_sem_seg = PixelData(data=mask)
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def run(model: torch.nn.Module, mode: str, data: dict | None = None):
    """Preprocess a batch and run the model on it."""
    data = model.data_preprocessor(data or batch(), model.training)
    return model(**data, mode=mode)
