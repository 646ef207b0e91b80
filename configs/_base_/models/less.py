# LESS with the hyper-parameters of the paper (Sec. 3, 4.1) and without the
# defects of the released code; see less_reference.py for those.
model = dict(
    type='LESS',
    data_preprocessor=dict(type='LESSDataPreprocessor', voxel_size=0.02),
    text_encoder=dict(
        type='HuggingFaceTextEncoder', pretrained='roberta-base'),
    backbone=dict(
        type='LESSUNet',
        in_channels=6,
        channels=[32, 64, 96, 128, 160],
        block_reps=2,
        fusion=dict(
            type='PWCA',
            mask_padding=True,
            num_tanh=1,
            dropout=0.15,
            freeze_words=False),
        pad_grid=True),
    decoder=dict(
        type='QMP',
        embed_dims=256,
        num_queries=20,
        num_layers=1,
        num_heads=1,
        feedforward_channels=1024,
        cross_attn_norm=True),
    aggregator=dict(type='QSA', dropout=0.15),
    losses=dict(
        seg=dict(type='WeightedBCE', positive_weight=20., loss_weight=1.),
        area=dict(type='AreaRegularization', loss_weight=1.),
        p2p=dict(
            type='PointContrast',
            temperature=0.05,
            reduction='log_mean',
            loss_weight=0.05)))
