# LESS without QSA: an MLP weighs the queries (Table 2), and so the
# words alone are used (Table 4, "word only").
_base_ = '../../less_scanrefer.py'
model = dict(aggregator=dict(_delete_=True, type='QueryScoreMLP'))
