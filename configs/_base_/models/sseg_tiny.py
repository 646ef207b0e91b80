# S-Seg in miniature: a small ResNet, 16 queries, two decoder layers, and a
# GRU over the words of the toy captions, without pretrained weights.
model = dict(
    type='SSeg',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(64, 64)),
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2),
        norm_cfg=dict(type='BN'),
        style='pytorch'),
    decode_head=dict(
        type='SSegHead',
        in_channels=[32, 64, 128],
        feat_channels=64,
        out_channels=64,
        num_queries=16,
        num_layers=2,
        num_heads=4,
        feedforward_channels=256,
        dropout=0.,
        masked_attention=True,
        pixel_decoder=dict(
            type='mmdet.PixelDecoder',
            norm_cfg=dict(type='GN', num_groups=8),
            act_cfg=dict(type='ReLU'))),
    text_encoder=dict(
        type='GRUTextEncoder',
        vocabulary='data/sseg_toy/pairs.words.txt',
        embed_dims=64,
        hidden_channels=64),
    visual_projection=dict(
        type='ProjectionMLP', hidden_channels=128, out_channels=128),
    text_projection=dict(
        type='ProjectionMLP', hidden_channels=128, out_channels=128),
    pseudo_mask_generator=dict(
        type='PseudoMaskGenerator',
        num_clusters=8,
        features=dict(
            type='PixelFeatures', stride=2, position_weight=40.,
            smoothing=0.5)),
    average='projections',
    mask_loss=dict(type='PseudoMaskLoss'),
    contrastive_loss=dict(type='ImageTextContrastiveLoss'),
    vocabulary=dict(
        classes=[
            'apple', 'ball', 'star', 'heart', 'moon', 'crate', 'dice', 'tent',
            'donut', 'wheel'
        ],
        background=True),
    combination='hard',
    background_threshold=0.5)
