# Burn-in on the toy set: the labelled pictures alone.
_base_ = './semires_toy_supervised_5pct.py'

train_cfg = dict(max_epochs=8, val_interval=8)
