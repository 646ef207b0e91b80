# Burn-in on own images: LAVT on the labelled ones.
_base_ = './semires_own_images.py'

max_epochs = 40

segmentor = _base_.model.segmentor
segmentor.loss.reduction = 'weighted_mean'
model = dict(_delete_=True, **segmentor)
labelled = _base_.train_dataloader.dataset.sources.labelled
labelled.pipeline = _base_.test_pipeline
train_dataloader = dict(
    sampler=dict(_delete_=True, type='EpochSampler', shuffle=True),
    dataset=dict(_delete_=True, **labelled))
load_from = None

train_cfg = dict(max_epochs=max_epochs, val_interval=20)
val_cfg = dict(_delete_=True, type='ValLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=20),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.,
        by_epoch=True,
        convert_to_iter_based=True)
]
# no teacher yet
custom_hooks = [
    hook for hook in _base_.custom_hooks
    if hook.type not in ('TeacherHook', 'PseudoLabelVisualizationHook')
]
default_hooks = dict(
    checkpoint=dict(
        _delete_=True,
        type='CheckpointHook',
        interval=10,
        max_keep_ckpts=2,
        backend_args=dict(backend='atomic')))

del segmentor, labelled  # what is left in a config has an effect
