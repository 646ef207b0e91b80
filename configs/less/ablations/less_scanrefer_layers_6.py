# LESS with 6 layers in the QMP (Table 6).
_base_ = '../../less_scanrefer.py'
model = dict(decoder=dict(num_layers=6))
