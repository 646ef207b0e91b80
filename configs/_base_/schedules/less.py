# Schedule of the paper (Sec. 4.1): 64 epochs, lr 1e-4 (text encoder 2e-5),
# multiplied by 0.95 per epoch. The paper says "Adam" and cites AdamW, which
# the released code uses with these weight decays.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=64, val_interval=4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
    # everything decays, norms and biases too, the text encoder by 0.01
    paramwise_cfg=dict(
        custom_keys=dict(text_encoder=dict(lr_mult=0.2, decay_mult=0.2))))
param_scheduler = [dict(type='ExponentialLR', gamma=0.95, by_epoch=True)]

# 14 sentences: 2 GPUs x 7 in the released code. Sentences, not scenes;
# --auto-scale-lr divides by expressions_per_scene.
auto_scale_lr = dict(enable=False, base_batch_size=14)
