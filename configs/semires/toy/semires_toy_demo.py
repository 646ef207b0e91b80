# SemiRES of `make demo`: IOM on toy pictures of which 10 % are labelled, as
# in semires_toy_iom_10pct.py, but with 300 iterations in place of 1,200.
_base_ = './semires_toy_iom_10pct.py'

load_from = 'work_dirs/demo/semires_toy_demo_burnin/epoch_3.pth'

loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = loader
val_dataloader = loader
test_dataloader = loader
# the teacher is what is used
val_cfg = dict(_delete_=True, type='ValLoop')
train_cfg = dict(max_epochs=3, val_interval=3)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(save_best=None))
del loader
