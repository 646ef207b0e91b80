# S-Seg+ on the toy set: a closed-set network, with S-Seg's backbone to begin
# with, trained on what S-Seg sees in the training pictures of the evaluation
# set. The labels are made by
#   python tools/sseg/label_images.py configs/sseg/toy/sseg_toy.py CHECKPOINT \
#       data/sseg_toy/eval/images/train data/sseg_toy/eval/sseg_labels/train
_base_ = [
    '../../_base_/datasets/toy_web.py', '../../_base_/schedules/sseg_small.py',
    '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

norm_cfg = dict(type='BN')
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=_base_.image_size,
        pad_val=0,
        seg_pad_val=255),
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2),
        norm_cfg=norm_cfg,
        style='pytorch',
        # the paper's network is pretrained, too
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/sseg_toy/epoch_16.pth',
            prefix='backbone.')),
    decode_head=dict(
        type='UPerHead',
        in_channels=[32, 64, 128],
        in_index=[0, 1, 2],
        pool_scales=(1, 2),
        channels=64,
        num_classes=11,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    test_cfg=dict(mode='whole'))

train_dataloader = dict(
    batch_size=16,
    sampler=dict(type='DefaultSampler'),
    dataset=dict(
        _delete_=True,
        **_base_.eval_dataset,
        data_prefix=dict(
            img_path='images/train', seg_map_path='sseg_labels/train')))
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='LoadWideAnnotations', ignore_index=255),
    dict(type='RandomResizedCrop', size=_base_.image_size, scale=(0.6, 1.)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader['dataset']['pipeline'] = train_pipeline
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
