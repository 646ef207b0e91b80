# S-Seg on LVIS v1.
_base_ = [
    '../../_base_/models/sseg_swin-s_test.py',
    '../../_base_/datasets/sseg_lvis.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(
    vocabulary=dict(
        dataset='lvis',
        classes_file='data/lvis_v1/classes.txt',
        templates='simple'))

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
