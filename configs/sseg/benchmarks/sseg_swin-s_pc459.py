# S-Seg on PASCAL Context of 459 classes.
_base_ = [
    '../../_base_/models/sseg_swin-s_test.py',
    '../../_base_/datasets/sseg_pc459.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(
    vocabulary=dict(
        dataset='pc459',
        classes_file='data/VOCdevkit/VOC2010/pc459_classes.txt',
        templates='simple'))

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
