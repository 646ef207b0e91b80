# LESS with the mask of the best query instead of the weighted sum (Table 10).
_base_ = '../../less_scanrefer.py'
model = dict(mask_choice='top1')
