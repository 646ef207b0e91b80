# Baseline: the contrastive loss without pseudo-masks.
_base_ = './sseg_toy.py'

model = dict(mask_loss=None, pseudo_mask_generator=None)
# for training in several processes: the heads of the loss are idle
find_unused_parameters = True
