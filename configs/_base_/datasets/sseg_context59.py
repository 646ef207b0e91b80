# PASCAL Context val, pixels of the background not evaluated
_base_ = './sseg_context60.py'

test_dataloader = dict(dataset=dict(type='PascalContextDataset59'))
