#!/usr/bin/env bash
# mmengine 0.10.7 (torch 2.13.0): resuming with more epochs.
# Expected: Runner with resume=True and max_epochs=8 continues a run of 4
#   epochs on the schedule that its config describes: PolyLR (end not given,
#   so that of the training) is at 43 % of the initial learning rate behind
#   epoch 4, and falls to 0 until epoch 8.
# Seen: Runner.resume restores `end` and `total_iters` of the scheduler from
#   the checkpoint; the learning rate is 0 in all of the added epochs, and
#   nothing says so.
# Exit status: 0 while this is so, not 0 when the behavior changes.
set -e
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
"${PYTHON:-python3}" -m venv "$TMP/venv"
PIP="$TMP/venv/bin/pip --quiet --disable-pip-version-check install"
$PIP torch==2.13.0 numpy==1.26.4 "setuptools<81"
$PIP --no-deps mmengine==0.10.7
$PIP addict==2.4.0 pyyaml==6.0.3 rich==15.0.0 termcolor==3.3.0 yapf==0.43.0 \
    matplotlib==3.10.0 packaging==26.3 opencv-python-headless==4.10.0.84
cd "$TMP"
cat > check.py <<'PY'
import sys
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner

# plain data that a checkpoint holds besides tensors, torch >= 2.6 wants a word
from numpy import core, dtype, float64, int64, ndarray
torch.serialization.add_safe_globals([
    HistoryBuffer, core.multiarray._reconstruct, ndarray, dtype,
    core.multiarray.scalar, type(dtype(float64)), type(dtype(int64)), getattr
])


class Model(BaseModel):

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, x, mode='loss'):
        return dict(loss=(self.weight * x).mean())


class Rates(Hook):

    def __init__(self):
        self.rates = []

    def before_train_epoch(self, runner):
        self.rates.append(runner.optim_wrapper.param_groups[0]['lr'])


def train(name, epochs, **resume):
    rates = Rates()
    Runner(
        model=Model(),
        work_dir=name,
        experiment_name=name,
        train_dataloader=dict(
            batch_size=2,
            dataset=[dict(x=torch.ones(1))] * 4,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate')),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.)),
        param_scheduler=dict(type='PolyLR', power=1., by_epoch=True),
        custom_hooks=[rates],
        log_level='ERROR',
        **resume).train()
    return rates.rates


print('8 epochs at once:      ', train('whole', 8))
print('4 epochs:              ', train('short', 4))
added = train('longer', 8, load_from='short/epoch_4.pth', resume=True)
print('resumed, epochs 5 to 8:', added)
sys.exit(0 if added == [0.] * 4 else 'the behavior has changed')
PY
venv/bin/python -W ignore check.py
