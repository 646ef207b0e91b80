# Epochs of 50 iterations: 24 of them with the labelled pictures alone, or 8
# of burn-in and 16 of mutual learning.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=24, val_interval=8)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01),
    clip_grad=dict(max_norm=5.),
    # a pretrained text encoder keeps to 2e-5
    constructor='PretrainedTextConstructor',
    # words are learned from scratch; everything decays alike
    paramwise_cfg=dict(custom_keys=dict(text_encoder=dict(lr_mult=3.))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=30),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.,
        begin=0,
        by_epoch=True,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=False, base_batch_size=32)
