# The toy LESS with the segmentation loss alone.
_base_ = './less_toy.py'
model = dict(
    losses=dict(
        _delete_=True,
        seg=dict(type='WeightedBCE', positive_weight=5., loss_weight=1.)))
