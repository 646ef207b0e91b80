# LESS with 15 queries (Table 9).
_base_ = '../../less_scanrefer.py'
model = dict(decoder=dict(num_queries=15))
