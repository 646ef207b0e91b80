# The toy LESS with the same words for every object: what the scenes alone
# give away.
_base_ = './less_toy.py'
constant = dict(type='ConstantSentence', text='the object .')
train_pipeline = {{_base_.train_pipeline}}
test_pipeline = {{_base_.test_pipeline}}
train_dataloader = dict(dataset=dict(pipeline=[constant, *train_pipeline]))
val_dataloader = dict(dataset=dict(pipeline=[constant, *test_pipeline]))
test_dataloader = val_dataloader
