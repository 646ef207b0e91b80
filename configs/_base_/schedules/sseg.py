# From other sources than the paper, so likely: AdamW, 5e-4 at a batch of 4096,
# 30 epochs. Choices, all GroupViT's: weight decay, warm-up, the end of the
# cosine, clipping. For half precision: tools/train.py --amp.
max_epochs = 30
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
    # a pretrained text encoder keeps to 2e-5
    constructor='PretrainedTextConstructor',
    paramwise_cfg=dict(
        norm_decay_mult=0.,
        bias_decay_mult=0.,
        flat_decay_mult=0.,
        custom_keys={'logit_scale': dict(decay_mult=0.)}))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.0025,
        by_epoch=True,
        begin=0,
        end=2,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.025,
        by_epoch=True,
        begin=2,
        convert_to_iter_based=True)
]
# 32 GPUs x 128. GroupViT loses 5 mIoU with half of it: negatives are those of
# the batch, and accumulated gradients do not replace them.
auto_scale_lr = dict(enable=False, base_batch_size=4096)
