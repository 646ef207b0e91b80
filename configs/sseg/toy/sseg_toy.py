# S-Seg on the toy set: image-caption pairs alone.
_base_ = [
    '../../_base_/models/sseg_tiny.py', '../../_base_/datasets/toy_web.py',
    '../../_base_/schedules/sseg_small.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

default_hooks = dict(
    broken_pairs=dict(type='BrokenPairsHook'),
    visualization=dict(type='SemanticVisualizationHook'))
