# LAVT on RefCOCO, fully supervised: the upper bound of SemiRES.
_base_ = [
    './_base_/models/lavt.py', './_base_/datasets/refcoco.py',
    './_base_/schedules/lavt.py', './_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

# 4 GPUs x 8, as LAVT was trained; the burn-in of SemiRES has 4 x 2
train_dataloader = dict(batch_size=8)
auto_scale_lr = dict(base_batch_size=32)
sync_bn = 'torch'  # statistics of all GPUs, as released

default_hooks = dict(
    checkpoint=dict(save_best='oIoU', rule='greater'),
    visualization=dict(type='ReferringVisualizationHook'))
