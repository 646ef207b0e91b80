# SemiRES with IoU-based optimal matching (IOM): the paper's Table 1.
_base_ = [
    './_base_/models/semires.py', './_base_/datasets/refcoco_semi.py',
    './_base_/schedules/semires.py', './_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

sync_bn = 'torch'  # statistics of all GPUs, as released

# the best checkpoint of semires_refcoco_burnin_1pct.py, copied there
load_from = 'work_dirs/semires_refcoco_burnin_1pct/burnin.pth'

custom_hooks = [
    *_base_.custom_hooks,
    dict(type='TeacherHook', momentum=0.0004),
    dict(type='PseudoLabelVisualizationHook', interval=500),
]
default_hooks = dict(
    checkpoint=dict(save_best='teacher/oIoU', rule='greater'),
    visualization=dict(type='ReferringVisualizationHook'))
