# LESS of `make demo`: what a core learns about toy rooms in six minutes.
# Against less_toy.py: voxels of 20 cm in place of 15; no contrastive loss,
# which slows the beginning (see the tables in docs/results/less.md); no
# augmentation, as a sentence is hardly seen twice; 1,200 steps of 4,500.
# Settings were tried on rooms of another seed (make_toy.py less --seed 2).
_base_ = './less_toy_seg_area.py'

max_iters = 1200
model = dict(data_preprocessor=dict(voxel_size=0.2))

train_pipeline = [
    transform for transform in _base_.train_pipeline
    if transform.type != 'ReferringAugment3D'
]
# in the process itself: there is no core for another one
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(**loader, dataset=dict(pipeline=train_pipeline))
val_dataloader = loader
test_dataloader = loader

# steps, so that an interrupted epoch goes on
train_cfg = dict(
    _delete_=True,
    type='IterBasedTrainLoop',
    max_iters=max_iters,
    val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=30),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        T_max=max_iters,
        by_epoch=False)
]
log_processor = dict(by_epoch=False)
default_hooks = dict(
    logger=dict(interval=10, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=100))

del loader, max_iters
