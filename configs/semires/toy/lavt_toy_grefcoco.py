# LAVT on toy pictures in the form of gRefCOCO, where some of the sentences
# mean nothing: a small mask says so.
_base_ = [
    '../../_base_/models/semires_toy.py',
    '../../_base_/datasets/grefcoco_toy.py',
    '../../_base_/schedules/semires_toy.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

model = dict(_delete_=True, **_base_.model.segmentor)
train_cfg = dict(max_epochs=6, val_interval=6)
auto_scale_lr = dict(base_batch_size=16)

default_hooks = dict(visualization=dict(type='ReferringVisualizationHook'))
