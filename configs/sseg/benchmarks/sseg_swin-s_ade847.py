# S-Seg on ADE20K of 847 classes.
_base_ = [
    '../../_base_/models/sseg_swin-s_test.py',
    '../../_base_/datasets/sseg_ade847.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(
    vocabulary=dict(
        dataset='ade847',
        classes_file='data/ADE20K_2021_17_01/classes.txt',
        templates='simple'))

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
