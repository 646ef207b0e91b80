# SemiRES with IOM as its released code stands (commit 478bf6e): as in
# lavt_refcoco_reference.py, candidates are resized by the corners of pixels
# (true masks by the centers), the strong view is normalized twice, the
# learning rate decays as if there were twice as many iterations, and the
# model is tested on raw sentences, but trained on cleaned ones.
_base_ = '../../semires_refcoco_iom_1pct.py'

model = dict(segmentor=dict(text_encoder=dict(truncation='slice')))

load_mask = dict(type='LoadReferringMask', overlap='official')
sup_pipeline = [_base_.load_image, load_mask, _base_.resize, _base_.sup]
# made with generate_candidates.py --resize corner, or --import-released
load_candidates = dict(
    type='LoadMaskCandidates',
    cache='data/refer/candidates',
    expect=dict(resize='corner'))
jitter = dict(type='RandomColorJitter', strong_from='normalised')
unsup_pipeline = [
    _base_.load_image,
    dict(required=False, **load_mask),
    _base_.resize,
    dict(type='RandomGaussianBlur'),
    dict(
        _base_.unsup,
        unsup_teacher=[load_candidates, _base_.pack_candidates],
        unsup_student=[jitter, _base_.pack]),
]
test_pipeline = [_base_.load_image, load_mask, _base_.resize, _base_.pack]
sources = dict(
    labelled=dict(pipeline=sup_pipeline),
    unlabelled=dict(pipeline=unsup_pipeline))
train_dataloader = dict(dataset=dict(sources=sources))
val_dataloader = dict(dataset=dict(text_field='raw', pipeline=test_pipeline))
test_dataloader = val_dataloader

param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.,
        begin=0,
        end=2 * _base_.max_epochs,
        by_epoch=True,
        convert_to_iter_based=True)
]

load_from = 'work_dirs/semires_refcoco_burnin_1pct_reference/burnin.pth'
