# Baseline: masks without the contrastive loss. Nothing ties them to words.
_base_ = './sseg_toy.py'

model = dict(contrastive_loss=None)
# for training in several processes: the heads of the loss are idle
find_unused_parameters = True
