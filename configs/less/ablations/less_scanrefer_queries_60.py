# LESS with 60 queries (Table 5).
_base_ = '../../less_scanrefer.py'
model = dict(decoder=dict(num_queries=60))
