# Choices: the schedule of MMSegmentation's mae-base_upernet config.
max_iters = 160000
val_interval = 16000
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=val_interval)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='LearningRateDecayOptimizerConstructor',
    paramwise_cfg=dict(
        num_layers=12, decay_rate=0.65, decay_type='layer_wise_vit'))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=1.0, eta_min=0., begin=1500, by_epoch=False)
]
auto_scale_lr = dict(enable=False, base_batch_size=16)  # 8 GPUs x 2
