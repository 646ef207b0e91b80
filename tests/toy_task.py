"""A referring task of a few numbers, for tests of tools and engine.

Imported by its name from configs (``custom_imports``), with ``tests/`` on the
path. Points on a line; each of a scene's expressions means the points right
of a threshold. The pipeline and the model draw random numbers.
"""
from __future__ import annotations
import os
import random
import signal

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, MODELS
from mmengine.structures import BaseDataElement, InstanceData

from mmlangseg.engine import SeededSampleMixin

POINTS = 20


@DATASETS.register_module()
class ToyLineDataset(SeededSampleMixin, BaseDataset):
    """Scenes of one or more expressions."""

    def __init__(self, num_scenes: int = 10, **kwargs) -> None:
        self.num_scenes = num_scenes
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        return [
            dict(
                scene_id=f'scene{i}',
                thresholds=[0.1 * j for j in range(1 + i % 3)])
            for i in range(self.num_scenes)
        ]

    def prepare_data(self, idx: int) -> dict:
        info = self.get_data_info(idx)
        points = torch.linspace(-1, 1, POINTS)
        if not self.test_mode:
            points = points + np.random.rand() + random.random()
            points = points + torch.rand(())
        sample = BaseDataElement(
            metainfo=dict(
                scene_id=info['scene_id'],
                expressions=[
                    dict(text=f'right of {t}', object_ids=[1], groups=['all'])
                    for t in info['thresholds']
                ]))
        thresholds = torch.tensor(info['thresholds'])
        sample.gt_instances_3d = InstanceData(masks=points > thresholds[:,
                                                                        None])
        return dict(inputs=points, data_samples=sample)


@MODELS.register_module()
class ToyLineModel(BaseModel):
    """Logistic regression with dropout, so that training draws numbers."""

    def __init__(self, hidden: int = 8, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.up = torch.nn.Linear(1, hidden)
        self.dropout = torch.nn.Dropout(0.5)
        self.down = torch.nn.Linear(hidden, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        logits = [
            self.down(self.dropout(self.up(x[:, None]).relu()))[:, 0]
            for x in inputs
        ]
        if mode == 'loss':
            targets = [s.gt_instances_3d.masks.float() for s in data_samples]
            losses = [
                torch.nn.functional.binary_cross_entropy_with_logits(
                    x.expand_as(y), y) for x, y in zip(logits, targets)
            ]
            return dict(loss=torch.stack(losses).mean())
        for x, sample in zip(logits, data_samples):
            count = len(sample.gt_instances_3d.masks)
            x = x.expand(count, -1)
            sample.pred_instances_3d = InstanceData(masks=x > 0, logits=x)
        return data_samples


@HOOKS.register_module()
class KillHook(Hook):
    """Kill the process as the system would, in the middle of an epoch, or in
    the validation behind one."""

    def __init__(self, iteration: int, stage: str = 'train') -> None:
        self.iteration = iteration
        self.stage = stage

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self._kill(runner, 'train')

    def before_val_iter(self, runner, batch_idx, data_batch=None) -> None:
        self._kill(runner, 'val')

    def _kill(self, runner, stage: str) -> None:
        if stage == self.stage and runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGKILL)


@HOOKS.register_module()
class RecordSamplesHook(Hook):
    """Write the ``sample_id`` of what each process trains on, a line per
    batch, to ``samples_<rank>.txt`` in the folder of the run."""

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        ids = [sample.sample_id for sample in data_batch['data_samples']]
        path = os.path.join(runner.work_dir, f'samples_{runner.rank}.txt')
        with open(path, 'a') as file:
            file.write(' '.join(map(str, ids)) + '\n')
