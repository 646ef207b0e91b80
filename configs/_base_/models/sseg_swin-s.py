# S-Seg. From the paper: 64 queries, 6 decoder layers, 256 channels, a text
# Transformer of 12 x 256, the weights of the losses. From other sources, so
# likely: Swin-S from scratch, 8 clusters. The rest it leaves open; choices are
# marked, and what else may be chosen stands in the classes' documentation.
model = dict(
    type='SSeg',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(224, 224),  # a choice: the crop in training
        pad_val=0,
        seg_pad_val=255),
    backbone=dict(
        type='SwinTransformer',
        embed_dims=96,
        depths=(2, 2, 18, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.3),
    decode_head=dict(
        type='SSegHead',
        in_channels=[96, 192, 384, 768],
        feat_channels=256,
        out_channels=256,
        num_queries=64,
        num_layers=6,
        num_heads=8,
        feedforward_channels=2048,
        dropout=0.1,
        pixel_decoder=dict(
            type='mmdet.PixelDecoder',
            norm_cfg=dict(type='GN', num_groups=32),
            act_cfg=dict(type='ReLU'))),
    text_encoder=dict(
        type='CLIPTextTransformer', embed_dims=256, num_layers=12,
        num_heads=4),
    # a choice: the paper says "2-layer" and 256 channels; GroupViT has
    # hidden_channels=4096, norm='BN'
    visual_projection=dict(
        type='ProjectionMLP', hidden_channels=256, out_channels=256),
    text_projection=dict(
        type='ProjectionMLP', hidden_channels=256, out_channels=256),
    pseudo_mask_generator=dict(
        type='PseudoMaskGenerator',
        num_clusters=8,
        # choices: tokens of the last layer, not normalized
        features=dict(
            type='DINOFeatures',
            pretrained='facebook/dino-vits8',
            facet='token',
            normalize=False)),
    mask_loss=dict(
        type='PseudoMaskLoss',
        dice_weight=1.,
        focal_weight=20.,
        deep_supervision=True),  # a choice
    contrastive_loss=dict(
        type='ImageTextContrastiveLoss',
        temperature=0.07,  # a choice: GroupViT's start
        directions='sum'),
    # The rest is for testing. Choices: a probability that can be thresholded,
    # as a constant channel
    combination='normalized',
    background_rule='constant',
    # of up to a thousand classes at the size of the image
    keep_probabilities=False,
    # images are 448 pixels high or wide; GroupViT's crops and strides
    test_cfg=dict(mode='slide', crop_size=(448, 448), stride=(224, 224)))
