# LESS on toy rooms, for two CPU cores: the whole system in miniature.
#   python tools/dataset_converters/make_toy.py less data/less_toy
#   tools/dist_train.sh configs/less/toy/less_toy.py 2 \
#       --cfg-options train_dataloader.batch_size=1
# or, on one core, python tools/train.py configs/less/toy/less_toy.py
_base_ = [
    '../../_base_/models/less.py', '../../_base_/datasets/toy_rooms.py',
    '../../_base_/schedules/less.py', '../../_base_/runtime.py'
]
default_scope = 'mmdet3d'
custom_imports = dict(imports=['mmlangseg.less'], allow_failed_imports=False)

# Seven thousand sentences instead of 37 thousand, and no pretrained text
# model: a GRU over 70 words and a small U-Net on a coarse grid. Targets fill a
# larger part of a toy room than of a real one, so positives weigh less.
model = dict(
    data_preprocessor=dict(voxel_size=0.15),
    text_encoder=dict(
        _delete_=True,
        type='GRUTextEncoder',
        vocabulary='data/less_toy/annotations/scanrefer_train.words.txt',
        embed_dims=64,
        hidden_channels=64),
    backbone=dict(
        channels=[24, 48, 64, 96], block_reps=1, fusion=dict(dropout=0.)),
    decoder=dict(embed_dims=128, feedforward_channels=256),
    losses=dict(seg=dict(positive_weight=5.), area=dict(loss_weight=1.)))

train_dataloader = dict(batch_size=2)

train_cfg = dict(max_epochs=5, val_interval=5)
optim_wrapper = dict(
    optimizer=dict(lr=7e-4, fused=True),
    clip_grad=dict(max_norm=5.),
    # a pretrained text encoder keeps to 2e-5
    constructor='PretrainedTextConstructor',
    # words are learned from scratch, and fewer steps touch each of them
    paramwise_cfg=dict(custom_keys=dict(text_encoder=dict(lr_mult=5.))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=50),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=8)  # 2 scenes x 4 sentences

default_hooks = dict(visualization=dict(type='ReferringVisualizationHook'))
