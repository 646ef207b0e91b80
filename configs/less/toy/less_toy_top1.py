# The toy LESS with the mask of the best query instead of the weighted sum.
_base_ = './less_toy.py'
model = dict(mask_choice='top1')
