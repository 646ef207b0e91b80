# LESS without PWCA and QSA (Table 2, first row).
_base_ = '../../less_scanrefer.py'
model = dict(
    backbone=dict(fusion=dict(_delete_=True, type='PooledWordFusion')),
    aggregator=dict(_delete_=True, type='QueryScoreMLP'))
