# LAVT as its released code stands: sentences as the annotators wrote them, cut
# without a closing token; pixels that several polygons of an object cover are
# background.
_base_ = '../../lavt_refcoco.py'

model = dict(text_encoder=dict(truncation='slice'))

load_mask = dict(type='LoadReferringMask', overlap='official')
pipeline = [_base_.load_image, load_mask, _base_.resize, _base_.pack]
released = dict(text_field='raw', pipeline=pipeline)
train_dataloader = dict(dataset=released)
val_dataloader = dict(dataset=released)
test_dataloader = val_dataloader
