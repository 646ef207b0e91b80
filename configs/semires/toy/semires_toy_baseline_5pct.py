# The plain mean teacher on the toy set.
_base_ = './semires_toy_iom_5pct.py'

model = dict(refiner=dict(_delete_=True, type='KeepPseudoLabel', trusted=True))

# Masks are taken as they are, so no candidates of SAM are needed.
unsup_pipeline = _base_.train_dataloader.dataset.sources.unlabelled.pipeline
unsup_pipeline[-1].unsup_teacher = [
    transform for transform in unsup_pipeline[-1].unsup_teacher
    if transform.type != 'LoadMaskCandidates'
]
train_dataloader = dict(
    dataset=dict(sources=dict(unlabelled=dict(pipeline=unsup_pipeline))))
del unsup_pipeline
