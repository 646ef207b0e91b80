# LESS as its released code stands (commit ed5664e): the model's defects, 40
# epochs, the decay of the learning rate before the first one, area weight 10,
# the substring test for view-dependent words, and the fallback for masks of
# fewer than 100 points (reported apart).
_base_ = '../less_scanrefer.py'

max_epochs = 40

model = dict(
    backbone=dict(
        fusion=dict(mask_padding=False, num_tanh=2, freeze_words=True),
        pad_grid=False),
    decoder=dict(cross_attn_norm=False),
    losses=dict(area=dict(loss_weight=10.)))

train_pipeline = [
    *_base_.load_pipeline,
    dict(type='PointSample', num_points=_base_.num_points),
    dict(type='ReferringAugment3D', word_test='released'),
    dict(type='BuildReferringMasks'),
    dict(type='PackReferring3DInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

optim_wrapper = dict(optimizer=dict(lr=0.95e-4))
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
val_evaluator = dict(fallback=dict(min_points=100, topk=5000))
test_evaluator = val_evaluator
