# Burn-in on the toy set: the labelled pictures alone.
_base_ = './semires_toy_supervised_5pct.py'

train_cfg = dict(max_epochs=8, val_interval=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=30),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.,
        end=8,
        by_epoch=True,
        convert_to_iter_based=True)
]
