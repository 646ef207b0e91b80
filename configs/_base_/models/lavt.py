# LAVT as trained in the papers: Swin-B with windows of 12 x 12 at 480 x 480
# pixels, BERT of which layers 0 to 9 are trained.
model = dict(
    type='LAVT',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(480, 480),
        pad_val=0,
        seg_pad_val=255),
    text_encoder=dict(
        type='HuggingFaceTextEncoder',
        pretrained='bert-base-uncased',
        max_length=20,
        truncation='truncate',
        trainable_layers=list(range(10))),
    backbone=dict(
        type='MultiModalSwin',
        embed_dims=128,
        depths=(2, 2, 18, 2),
        num_heads=(4, 8, 16, 32),
        window_size=12,
        drop_path_rate=0.3,
        fusion=dict(type='PWAM', dropout=0.),
        fusion_heads=(1, 1, 1, 1),
        gate=dict(type='LanguageGate'),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/SwinTransformer/storage/releases/'
            'download/v1.0.0/swin_base_patch4_window12_384_22k.pth')),
    decode_head=dict(
        type='LAVTHead',
        channels=512,
        num_classes=2,
        norm_cfg=dict(type='BN', requires_grad=True)),
    loss=dict(
        type='ReferringCrossEntropy',
        class_weight=[0.9, 1.1],
        reduction='weighted_mean'),
    eval_size='resized')
