# LESS on toy rooms, for two CPU cores: the whole system in miniature.
#   python tools/dataset_converters/make_toy.py less data/less_toy
#   python tools/train.py configs/less_toy.py
_base_ = [
    './_base_/models/less.py', './_base_/datasets/toy_rooms.py',
    './_base_/schedules/less.py', './_base_/runtime.py'
]
default_scope = 'mmdet3d'
custom_imports = dict(imports=['mmlangseg.less'], allow_failed_imports=False)

max_epochs = 10

# The points are 6 cm apart, and there are two thousand sentences instead of
# fifty: a coarser grid, and a text model of two layers.
model = dict(
    data_preprocessor=dict(voxel_size=0.08),
    text_encoder=dict(pretrained='data/less_toy/text_model'),
    backbone=dict(channels=[24, 48, 72, 96], block_reps=1),
    decoder=dict(embed_dims=128, feedforward_channels=256),
    aggregator=dict(dropout=0.),
    losses=dict(area=dict(loss_weight=1.)))

train_cfg = dict(max_epochs=max_epochs, val_interval=2)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    clip_grad=dict(max_norm=5.),
    paramwise_cfg=dict(custom_keys=dict(text_encoder=dict(lr_mult=1.))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]

default_hooks = dict(visualization=dict(type='ReferringVisualizationHook'))
