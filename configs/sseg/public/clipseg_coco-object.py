# CLIPSeg on COCO-Object: nothing is trained here.
_base_ = [
    '../../_base_/models/clipseg.py',
    '../../_base_/datasets/sseg_coco_object.py', '../../_base_/runtime.py'
]
default_scope = 'mmseg'
custom_imports = dict(imports=['mmlangseg.sseg'], allow_failed_imports=False)

model = dict(
    type='PromptedClasses',
    vocabulary=dict(dataset='coco_object', templates='simple'),
    # a choice: tools/sseg/sweep_threshold.py
    background_threshold=0.5,
    keep_probabilities=False)

image_size = (352, 352)
test_pipeline = [
    dict(type='LoadImage', ignore_orientation=True),
    dict(type='Resize', scale=image_size, keep_ratio=False, backend='pillow'),
    dict(type='LoadWideAnnotations', ignore_index=255),
    dict(type='PackSegInputs'),
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

default_hooks = dict(visualization=dict(type='SemanticVisualizationHook'))
