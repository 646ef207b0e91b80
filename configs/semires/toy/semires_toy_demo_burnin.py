# Burn-in of `make demo`: 20 of 200 toy pictures are labelled, 150 iterations.
_base_ = './semires_toy_burnin_10pct.py'

loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = loader
train_cfg = dict(max_epochs=3, val_interval=100)  # not tested yet
default_hooks = dict(logger=dict(interval=10))
del loader
