# The same with a head that says whether anything is meant.
_base_ = './lavt_toy_grefcoco.py'

model = dict(no_target=dict(channels=64))
