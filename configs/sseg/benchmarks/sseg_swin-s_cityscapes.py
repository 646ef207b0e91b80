# S-Seg on Cityscapes.
_base_ = [
    '../../_base_/models/sseg_swin-s_test.py',
    '../../_base_/datasets/sseg_cityscapes.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(vocabulary=dict(dataset='cityscapes', templates='simple'))

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
