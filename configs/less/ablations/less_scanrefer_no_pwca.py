# LESS without PWCA: the mean word is added to every voxel (Table 2).
_base_ = '../../less_scanrefer.py'
model = dict(
    backbone=dict(fusion=dict(_delete_=True, type='PooledWordFusion')))
