# Baseline: pooled pseudo-masks, tested with similarities relative to the
# longest feature of the image. Training is that of sseg_toy_pooled.py.
_base_ = './sseg_toy_pooled.py'

model = dict(similarity='relative')
