# The plain mean teacher: pseudo-labels as they are.
_base_ = '../../semires_refcoco_iom_1pct.py'

model = dict(refiner=dict(_delete_=True, type='KeepPseudoLabel', trusted=True))

# Masks are taken as they are, so no candidates of SAM are needed.
unsup = dict(_base_.unsup, unsup_teacher=[_base_.pack_candidates])
unsup_pipeline = [
    _base_.load_image,
    dict(type='LoadReferringMask', required=False),
    _base_.resize,
    dict(type='RandomGaussianBlur'),
    unsup,
]
train_dataloader = dict(
    dataset=dict(sources=dict(unlabelled=dict(pipeline=unsup_pipeline))))
