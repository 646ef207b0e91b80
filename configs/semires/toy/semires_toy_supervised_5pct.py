# The toy set with 5 % of the pictures labelled, and only these used.
_base_ = [
    '../../_base_/models/semires_toy.py',
    '../../_base_/datasets/semires_toy.py',
    '../../_base_/schedules/semires_toy.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

pipeline = [
    *_base_.load_pipeline,
    dict(type='mmdet.MultiBranch', branch_field=['sup'], sup=[_base_.pack]),
]
labelled = _base_.train_dataloader.dataset.sources.labelled
labelled.pipeline = pipeline
train_dataloader = dict(
    batch_size=16,
    sampler=dict(batch_size=16, ratio=dict(_delete_=True, labelled=1)),
    dataset=dict(sources=dict(_delete_=True, labelled=labelled)))
model = dict(semi_test_cfg=dict(predict_on='student'))

default_hooks = dict(visualization=dict(type='ReferringVisualizationHook'))
auto_scale_lr = dict(base_batch_size=16)

del pipeline, labelled  # what is left in a config has an effect
