# CLIPSeg on PASCAL VOC with background: nothing is trained here.
_base_ = [
    '../../_base_/models/clipseg.py', '../../_base_/datasets/sseg_voc21.py',
    '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(
    type='PromptedClasses',
    vocabulary=dict(dataset='voc21', templates='simple'),
    # a choice: tools/sseg/sweep_threshold.py
    background_threshold=0.5,
    keep_probabilities=False)

test_pipeline = [
    _base_.load_image, _base_.square, _base_.load_labels, _base_.pack
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
