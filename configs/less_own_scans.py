# LESS on own scans: a template, with the numbers of small table-top scans.
#   python tools/dataset_converters/own_scans.py my_scans data/own_scans
#   python tools/train.py configs/less_own_scans.py
# For rooms, take voxel size and channels of _base_/models/less.py and the
# pipeline of _base_/datasets/scanrefer.py; with more than a few thousand
# sentences, take its text encoder too.
_base_ = [
    './_base_/models/less.py', './_base_/datasets/own_scans.py',
    './_base_/schedules/less.py', './_base_/runtime.py'
]
default_scope = 'mmdet3d'
custom_imports = dict(imports=['mmlangseg.less'], allow_failed_imports=False)

max_epochs = 30
voxel_size = 0.02

model = dict(
    data_preprocessor=dict(voxel_size=voxel_size),
    text_encoder=dict(
        _delete_=True,
        type='GRUTextEncoder',
        vocabulary='data/own_scans/annotations/train.words.txt',
        embed_dims=64,
        hidden_channels=64),
    backbone=dict(
        channels=[16, 32, 48, 64, 80], block_reps=1, fusion=dict(dropout=0.)),
    decoder=dict(embed_dims=128, feedforward_channels=256),
    losses=dict(seg=dict(positive_weight=5.), area=dict(loss_weight=1.)))

train_dataloader = dict(batch_size=2)

train_cfg = dict(max_epochs=max_epochs, val_interval=10)
optim_wrapper = dict(
    optimizer=dict(lr=2e-3),
    clip_grad=dict(max_norm=5.),
    # a pretrained text encoder keeps to 2e-5
    constructor='PretrainedTextConstructor',
    paramwise_cfg=dict(custom_keys=dict(text_encoder=dict(lr_mult=1.))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=50),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=8)  # 2 scenes x 4 sentences

default_hooks = dict(
    checkpoint=dict(interval=10),
    visualization=dict(type='ReferringVisualizationHook'))
