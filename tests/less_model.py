"""A small LESS and random scenes for it, shared by the tests of the model."""
from __future__ import annotations

import mmlangseg  # noqa: F401  isort:skip  before mmcv.ops, for mmcv-lite
from pathlib import Path

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData

import mmlangseg.less  # noqa: F401  (registers the model)

WORDS = ('the', 'chair', 'table', 'left', 'of', 'door', 'red', 'near', 'a')


def model_config(folder: Path, **changes) -> dict:
    """Config of a LESS of a few thousand parameters.

    Args:
        folder: For the vocabulary.
        changes: Top-level entries to replace.
    """
    vocabulary = Path(folder) / 'words.txt'
    vocabulary.write_text('\n'.join(WORDS))
    config = dict(
        type='LESS',
        data_preprocessor=dict(type='LESSDataPreprocessor', voxel_size=0.1),
        text_encoder=dict(
            type='GRUTextEncoder',
            vocabulary=str(vocabulary),
            hidden_channels=8,
            embed_dims=12),
        backbone=dict(type='LESSUNet', channels=[8, 12, 16], block_reps=1),
        decoder=dict(
            type='QMP', embed_dims=16, num_queries=5, feedforward_channels=32),
        aggregator=dict(type='QSA'),
        losses=dict(
            seg=dict(type='WeightedBCE'),
            area=dict(type='AreaRegularization'),
            p2p=dict(type='PointContrast')))
    return {**config, **changes}


def build(config: dict, seed: int = 0) -> torch.nn.Module:
    """Build a model with reproducible weights."""
    torch.manual_seed(seed)
    model = MODELS.build(config)
    model.init_weights()
    return model


def sentences(count: int, seed: int = 0) -> list[str]:
    """Sentences of 2 to 7 words."""
    random = torch.Generator().manual_seed(seed)

    def draw(high: int) -> int:
        return int(torch.randint(high, (), generator=random))

    return [
        ' '.join(WORDS[draw(len(WORDS))] for _ in range(2 + draw(6)))
        for _ in range(count)
    ]


def scene(points: int = 300,
          expressions: int = 1,
          seed: int = 0,
          empty: bool = False) -> tuple[torch.Tensor, Det3DDataSample]:
    """Random points (N, 6) and a sample with masks (E, N), maybe all empty."""
    random = torch.Generator().manual_seed(seed)
    cloud = torch.rand(points, 6, generator=random)
    cloud[:, :3] *= torch.tensor([2.1, 1.3, 0.9])
    masks = torch.rand(expressions, points, generator=random) < 0.2
    sample = Det3DDataSample(
        metainfo=dict(
            scene_id=f'scene{seed}',
            expressions=[
                dict(text=text) for text in sentences(expressions, seed)
            ]))
    sample.gt_instances_3d = InstanceData(
        masks=torch.zeros_like(masks) if empty else masks)
    return cloud, sample


def run(model: torch.nn.Module, scenes: list, mode: str):
    """Preprocess and run scenes made by :func:`scene`."""
    batch = model.data_preprocessor(
        dict(
            inputs=dict(points=[points for points, _ in scenes]),
            data_samples=[sample for _, sample in scenes]))
    return model(**batch, mode=mode)
