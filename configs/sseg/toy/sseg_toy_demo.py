# S-Seg of `make demo`: sseg_toy.py with 500 steps in place of 4,000, and with
# the similarity that tells things from ground sooner (not in the paper, see
# docs/results/sseg.md). The threshold is that of 100 pictures of the
# evaluation set's training part.
_base_ = './sseg_toy.py'

model = dict(similarity='relative', background_threshold=0.4)

loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = loader
val_dataloader = loader
test_dataloader = loader
max_epochs = 2
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
default_hooks = dict(logger=dict(interval=10))

del loader
