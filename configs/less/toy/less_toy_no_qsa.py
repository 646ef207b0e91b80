# The toy LESS without QSA: an MLP weighs the queries.
_base_ = './less_toy.py'
model = dict(aggregator=dict(_delete_=True, type='QueryScoreMLP'))
