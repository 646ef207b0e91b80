# LESS as its released code stands (commit ed5664e): the model's defects, 40
# epochs, the decay of the learning rate before the first one, area weight 10,
# the substring test for view-dependent words, and the fallback for masks of
# fewer than 100 points (reported apart).
_base_ = [
    '../_base_/models/less_reference.py', '../_base_/datasets/scanrefer.py',
    '../_base_/schedules/less.py', '../_base_/runtime.py'
]
default_scope = 'mmdet3d'
custom_imports = dict(imports=['mmlangseg.less'], allow_failed_imports=False)

max_epochs = 40

train_pipeline = [
    *_base_.load_pipeline,
    dict(type='PointSample', num_points=_base_.num_points),
    dict(type='ReferringAugment3D', word_test='released'),
    dict(type='BuildReferringMasks'),
    dict(type='PackReferring3DInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

optim_wrapper = dict(optimizer=dict(lr=0.95e-4))
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
val_evaluator = dict(fallback=dict(min_points=100, topk=5000))
test_evaluator = val_evaluator
default_hooks = dict(
    checkpoint=dict(save_best='mIoU', rule='greater'),
    visualization=dict(type='ReferringVisualizationHook'))
