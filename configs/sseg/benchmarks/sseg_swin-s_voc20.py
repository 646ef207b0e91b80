# S-Seg on PASCAL VOC without background.
_base_ = [
    '../../_base_/models/sseg_swin-s_test.py',
    '../../_base_/datasets/sseg_voc20.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(vocabulary=dict(dataset='voc20', templates='simple'))

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
