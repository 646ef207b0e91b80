# LAVT with mirrored images, in whose sentences left and right are exchanged.
# Neither LAVT nor SemiRES mirrors: 46 % of RefCOCO's sentences name a side.
# Not trained.
_base_ = '../../lavt_refcoco.py'

train_pipeline = [
    _base_.load_image,
    _base_.load_mask,
    _base_.resize,
    dict(type='RandomReferringFlip', prob=0.5),
    _base_.pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
