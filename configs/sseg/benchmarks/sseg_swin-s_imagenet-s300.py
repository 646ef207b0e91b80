# S-Seg on ImageNet-S of 300 classes and "other".
_base_ = [
    '../../_base_/models/sseg_swin-s_test.py',
    '../../_base_/datasets/sseg_imagenet_s.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

data_root = 'data/ImageNetS/ImageNetS300/'
test_dataloader = dict(dataset=dict(data_root=data_root))
model = dict(
    vocabulary=dict(
        dataset='imagenet_s300',
        classes_file=f'{data_root}classes.txt',
        templates='simple'),
    # a choice; depends on the weights: tools/sseg/sweep_threshold.py
    background_threshold=0.5)

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
