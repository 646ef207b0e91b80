# Mutual learning on the toy set, pseudo-labels refined by IOM.
_base_ = [
    '../../_base_/models/semires_toy.py',
    '../../_base_/datasets/semires_toy.py',
    '../../_base_/schedules/semires_toy.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

load_from = 'work_dirs/semires_toy_burnin_5pct/epoch_8.pth'

train_cfg = dict(max_epochs=16, val_interval=8)
val_cfg = dict(type='mmdet.TeacherStudentValLoop')
custom_hooks = [
    *_base_.custom_hooks,
    # 800 iterations instead of 140 thousand: the teacher moves faster
    dict(type='TeacherHook', momentum=0.02),
    dict(type='PseudoLabelVisualizationHook', interval=100),
]
default_hooks = dict(
    checkpoint=dict(save_best='teacher/oIoU', rule='greater'),
    visualization=dict(type='ReferringVisualizationHook'))
