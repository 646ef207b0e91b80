# LESS with the segmentation loss alone (Table 3).
_base_ = '../../less_scanrefer.py'
model = dict(
    losses=dict(
        _delete_=True,
        seg=dict(type='WeightedBCE', positive_weight=20., loss_weight=1.)))
