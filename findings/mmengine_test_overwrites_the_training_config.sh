#!/usr/bin/env bash
# MMEngine 0.10.7: a test writes its config over that of the training.
#
# Input: a training in a work folder, then a test of it in the same folder (the
# default of the tools of MMDetection and MMSegmentation), with other data.
# Expected: <work folder>/<config>.py, which the documentation of OpenMMLab's
# projects gives to later commands, stays what the training was run with.
# Seen: it holds the data of the test. A third run, by that file and without an
# option, uses them, without a word.
#
# Exit status 0 while this is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 'numpy<2.5' mmengine==0.10.7
cd "$folder"
cat >small.py <<'CONFIG'
work_dir = 'work'
data = 'validation'
model = dict(type='Small')
train_dataloader = dict(
    batch_size=2, dataset=dict(type='Numbers'), sampler=dict(
        type='DefaultSampler', shuffle=False))
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
test_dataloader = train_dataloader
test_evaluator = dict(type='Count')
test_cfg = dict()
CONFIG
"$folder/venv/bin/python" -W ignore - >log <<'PYTHON'
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner


@DATASETS.register_module()
class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.tensor([float(index)]))


@MODELS.register_module()
class Small(BaseModel):
    def __init__(self, **kwargs):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode='loss'):
        found = self.layer(inputs)
        return dict(loss=found.square().mean()) if mode == 'loss' else [found]


@METRICS.register_module()
class Count(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return dict(count=len(results))


def run(method, **options):
    cfg = Config.fromfile('small.py')
    cfg.merge_from_dict(options)
    cfg.experiment_name = method
    getattr(Runner.from_cfg(cfg), method)()
    return Config.fromfile('work/small.py').data


before = run('train', **{'train_dataloader.collate_fn.type': 'default_collate'})
after = run('test', data='something else',
            **{'test_dataloader.collate_fn.type': 'default_collate'})
with open('result', 'w') as file:
    file.write(f'after training: {before}, after the test: {after}\n')
PYTHON
cat result
[ "$(cat result)" = 'after training: validation, after the test: something else' ]
