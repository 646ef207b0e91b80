# The toy LESS with the same words for every object: what the scenes alone
# give away.
_base_ = './less_toy.py'
constant = dict(type='ConstantSentence', text='the object .')
train_dataloader = dict(
    dataset=dict(pipeline=[constant, *_base_.train_pipeline]))
val_dataloader = dict(dataset=dict(pipeline=[constant, *_base_.test_pipeline]))
test_dataloader = val_dataloader
