# LAVT on toy pictures in the form of gRefCOCO, where some of the sentences mean
# nothing: a small mask says so.
_base_ = [
    '../../_base_/models/semires_toy.py',
    '../../_base_/datasets/semires_toy.py',
    '../../_base_/schedules/semires_toy.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(
    imports=['mmlangseg.semires'], allow_failed_imports=False)

model = dict(_delete_=True, **_base_.model.segmentor)
grefs = dict(ann_folder='grefcoco_toy')
train_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='RefCOCODataset',
        data_root=_base_.data_root,
        split='train',
        pipeline=_base_.test_pipeline,
        **grefs))
val_dataloader = dict(dataset=grefs)
test_dataloader = dict(dataset=grefs)
train_cfg = dict(max_epochs=6, val_interval=6)
auto_scale_lr = dict(base_batch_size=16)

# the 50 pixels of 480 x 480 would be one of 64 x 64
val_evaluator = dict(
    _delete_=True,
    type='GeneralizedSegMetric',
    no_target_pixels=20,
    inclusive=True)
test_evaluator = val_evaluator

default_hooks = dict(visualization=dict(type='ReferringVisualizationHook'))
del grefs  # what is left in a config has an effect
