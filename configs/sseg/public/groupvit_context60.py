# GroupViT on PASCAL Context with background: nothing is trained here.
_base_ = [
    '../../_base_/models/groupvit.py',
    '../../_base_/datasets/sseg_context60.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(
    vocabulary=dict(dataset='context60', templates='simple'),
    # GroupViT's
    background_threshold=0.35)

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
