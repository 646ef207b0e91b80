# LESS with 3 layers in the QMP (Table 6).
_base_ = '../../less_scanrefer.py'
model = dict(decoder=dict(num_layers=3))
