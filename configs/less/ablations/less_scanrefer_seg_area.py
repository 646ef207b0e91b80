# LESS without the contrastive loss (Table 3).
_base_ = '../../less_scanrefer.py'
model = dict(
    losses=dict(
        _delete_=True,
        seg=dict(type='WeightedBCE', positive_weight=20., loss_weight=1.),
        area=dict(type='AreaRegularization', loss_weight=1.)))
