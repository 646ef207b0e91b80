# The toy LESS without PWCA: the mean word is added to every voxel.
_base_ = './less_toy.py'
model = dict(
    backbone=dict(
        fusion=dict(_delete_=True, type='PooledWordFusion', dropout=0.)))
