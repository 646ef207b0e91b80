# The toy LESS without the contrastive loss.
_base_ = './less_toy.py'
model = dict(
    losses=dict(
        _delete_=True,
        seg=dict(type='WeightedBCE', positive_weight=5., loss_weight=1.),
        area=dict(type='AreaRegularization', loss_weight=1.)))
