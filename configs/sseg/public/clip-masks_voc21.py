# CLIP on pseudo-masks on PASCAL VOC with background: nothing is trained here.
_base_ = [
    '../../_base_/models/clip_masks.py', '../../_base_/datasets/sseg_voc21.py',
    '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(
    vocabulary=dict(dataset='voc21', templates='simple'),
    # a choice: tools/sseg/sweep_threshold.py
    background_threshold=0.5)

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
